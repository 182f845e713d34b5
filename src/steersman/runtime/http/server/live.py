"""Ends live streams when the stop begins: they have no end of their own, and a browser would keep the stop waiting.

A stream is told that its client has gone, which it has to bear anyway, and its answer is completed, so that the client
sees an orderly end and comes back. Every other answer goes on until it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: What a stream says of itself so that proxies pass each piece on at once; nothing else says it.
LIVE = (b"x-accel-buffering", b"no")


class LiveStreams:
    """The application, with an end for its streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._waiting: set[asyncio.Timeout] = set()
        self.ending = False

    def end(self) -> None:
        """Let every live stream end now, and every later one at once."""
        self.ending = True
        for limit in self._waiting:
            limit.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[None]:
        """Let something wait for as long as there is no stop; raises `TimeoutError` when it begins."""
        async with asyncio.timeout(0 if self.ending else None) as limit:
            self._waiting.add(limit)
            try:
                yield
            finally:
                self._waiting.discard(limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(receive, send, self)
        await self._app(scope, answer.receive, answer.send)
        await answer.complete()


class _Answer:
    """One request and its answer, of which is known whether it is live and whether it is complete."""

    def __init__(self, receive: Receive, send: Send, streams: LiveStreams) -> None:
        self._receive = receive
        self._send = send
        self._streams = streams
        self._asked = self._live = self._done = False

    async def receive(self) -> Message:
        """Return what the client sends; whoever waits after all of it waits for the client to go, or for the stop."""
        if self._asked:
            return await self._gone()
        message = await self._receive()
        self._asked = not message.get("more_body", False)
        return message

    async def _gone(self) -> Message:
        try:
            async with self._streams.lasting():
                return await self._receive()
        except TimeoutError:
            if self._live:
                return {"type": "http.disconnect"}
        return await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._live = LIVE in message["headers"]
        await self._send(message)
        self._done = message["type"] == "http.response.body" and not message.get("more_body", False)

    async def complete(self) -> None:
        """Finish the answer of a stream that was ended from here."""
        if self._live and not self._done and self._streams.ending:
            with suppress(OSError):  # the client went first
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
