"""A request whose body cannot be larger or slower than the house allows."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from steersman.model.errors import InvalidInput, TooLarge

#: A sender that needs longer for one body holds a place that others need.
BODY_SECONDS = 30.0


class CappedRequest(Request):
    """The request that hot paths get: `body()` stops at the cap and at the deadline."""

    def __init__(self, scope: Scope, receive: Receive, cap: int) -> None:
        super().__init__(scope, receive)
        self._cap = cap

    async def body(self) -> bytes:
        """Return the whole body; raises `TooLarge` above the cap and `InvalidInput` when it does not arrive."""
        if not hasattr(self, "_body"):
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    self._body = await self._read()
            except TimeoutError:
                raise InvalidInput(f"the body did not arrive within {BODY_SECONDS:.0f} seconds") from None
        return self._body

    async def _read(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._cap:
                raise TooLarge(f"the body is larger than {self._cap} bytes: send less at a time")
            chunks.append(chunk)
            more = message.get("more_body", False)
        self._stream_consumed = True
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def capped(receive: Receive, cap: int) -> Receive:
    """Bound a body that the framework reads; its own HTTPException is the one error that it lets through."""
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > cap:
            raise HTTPException(413, f"the body is larger than {cap} bytes: send less at a time")
        return message

    return bounded


def again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read once more, and then whatever comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def repeated() -> Message:
        return waiting.pop() if waiting else await receive()

    return repeated
