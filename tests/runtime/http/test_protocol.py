"""What a stranger's connection can take: a bounded head, a moment of patience, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from steersman.runtime.http.server import Server, listen, protocol

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Refuse without reading the body, and show which headers came."""
    names = b",".join(name for name, _ in scope["headers"])
    await send(
        {"type": "http.response.start", "status": 401, "headers": [(b"content-length", str(len(names)).encode())]}
    )
    await send({"type": "http.response.body", "body": names})


def over_a_socket(talk: Talk) -> bytes:
    """Run a conversation with a real server."""

    async def conversation() -> bytes:
        sock = listen("127.0.0.1", 0)
        server = Server(hello)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve([sock]))
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            async with asyncio.timeout(20):
                answer = await talk(reader, writer)
            writer.close()
            server.should_exit = True
        return answer

    return asyncio.run(conversation())


@pytest.mark.requirement("ASVS-15.2.2")
def test_an_endless_head_is_cut_off() -> None:
    """431 instead of memory; the sender may still be sending when it comes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(9):
            writer.write(b"X: " + b"a" * 8000 + b"\r\n")
            await writer.drain()
        return await reader.readline()

    assert over_a_socket(talk).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("beginning", [b"", b"G", b"GET / HTTP/1.1\r\nHost: localho"])
def test_a_head_that_never_ends_gives_up_its_connection(monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    """Nothing sent, or half a head: hung up on at the deadline."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(beginning)
        return await reader.read()

    assert over_a_socket(talk) == b""


def test_a_refused_sender_can_read_why_and_then_has_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes while the body is still being sent; the connection ends a moment later."""
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.05)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nabc")
        return await reader.read()

    assert over_a_socket(talk).startswith(b"HTTP/1.1 401 ")


@pytest.mark.requirement("ASVS-4.2.1")
def test_a_connection_is_used_again_and_trailers_change_nothing() -> None:
    """Fields after the body are not headers; the next request on the connection is answered."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: b\r\n\r\n"
        )
        first = (await reader.readuntil(b"\r\n\r\n")) + await reader.readexactly(len(b"host,transfer-encoding"))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return first + await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(len(b"host"))

    answers = over_a_socket(talk)
    assert b"host,transfer-encodingHTTP/1.1 401" in answers
    assert answers.endswith(b"\r\n\r\nhost")
