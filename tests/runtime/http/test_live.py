"""Streams without an end of their own end when the stop begins; what has an end is let come to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.responses import Response, StreamingResponse

from steersman.runtime.http.server import Server, listen

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def ticking() -> AsyncIterator[bytes]:
    yield b"data: first\n\n"
    await asyncio.Event().wait()


def live() -> Response:
    return StreamingResponse(ticking(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _stopped_amid(answer: Callable[[], Response], first: bytes) -> bytes:
    """Ask, wait for the first of the answer, stop, and return all that came after it."""

    async def conversation() -> bytes:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await answer()(scope, receive, send)

        sock, server = listen("127.0.0.1", 0), Server(app)
        async with asyncio.TaskGroup() as group, asyncio.timeout(20):
            group.create_task(server.serve([sock]))
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(ASK)
            await reader.readuntil(first)
            server.should_exit = True
            rest = await reader.read()
            writer.close()
        return rest

    return asyncio.run(conversation())


def test_a_live_stream_ends_in_order_when_the_stop_begins(caplog: pytest.LogCaptureFixture) -> None:
    """The last chunk says that it is all, nobody is cancelled, and nothing is complained about."""
    assert _stopped_amid(live, b"data: first\n\n").endswith(b"0\r\n\r\n")
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]


def test_a_download_is_finished_before_the_stop() -> None:
    """It is no live stream, so it is let come to its end."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.sleep(0.3)
        yield b"finished"

    assert b"finished" in _stopped_amid(lambda: StreamingResponse(slowly()), b"begun")
