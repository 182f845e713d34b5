"""Forwards bytes from one place to another, and nothing else: a piece of a wire that can be cut.

`python -m ...mesh.forwarding STOP_FILE LISTEN=TARGET ...`, where each place is `tcp:HOST:PORT` or `unix:PATH`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

_CHUNK = 1 << 16
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass  # one end is gone; the other is told by the close
    finally:
        writer.close()


async def _connect(place: str) -> _Streams:
    kind, _, where = place.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    host, _, port = where.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _listen(place: str, accept: _Accept) -> asyncio.AbstractServer:
    kind, _, where = place.partition(":")
    if kind == "unix":
        return await asyncio.start_unix_server(accept, where)
    host, _, port = where.rpartition(":")
    return await asyncio.start_server(accept, host, int(port))


def _joining(target: str) -> _Accept:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await _connect(target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    return join


async def relay(pairs: Sequence[tuple[str, str]], stops: Callable[[], bool]) -> None:
    """Forward until SIGTERM, or until `stops` says so."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    servers = [await _listen(listen, _joining(target)) for listen, target in pairs]
    while not ended.is_set() and not stops():
        try:
            await asyncio.wait_for(ended.wait(), 1.0)
        except TimeoutError:
            continue
    for server in servers:
        server.close()
    # What is still on its way is lost with the wire; ending its tasks one by one would only be told in tracebacks.
    os._exit(0)


def main(arguments: Sequence[str]) -> None:
    """Read a stop file and the pairs."""
    pairs = [(listen, target) for listen, _, target in (one.partition("=") for one in arguments[1:])]
    asyncio.run(relay(pairs, Path(arguments[0]).exists))


if __name__ == "__main__":
    main(sys.argv[1:])
