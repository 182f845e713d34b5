"""Listens for syslog over TCP and UDP, where the settings name an address.

A stream that the store cannot keep up with is not read until it can. A datagram cannot wait, so those that find no
room are counted, the ones that the kernel dropped included.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from steersman.engine.decode.syslog import pack, split_frames
from steersman.model.errors import InvalidInput, SteersmanError, Temporary
from steersman.model.telemetry import WireFormat
from steersman.services.telemetry.jobs.backlog import Backlog, Message
from steersman.services.telemetry.jobs.sources import Intake, Source

#: Counted in `Sources.counts`, in messages.
UDP_DROPPED = "syslog_udp_dropped"
REFUSED = "syslog_refused"
#: Likewise, in connections: beyond the limit, or with broken framing.
CONNECTIONS_REFUSED = "syslog_connections_refused"

BATCH = 500
BATCH_SECONDS = 0.05
MOST_CONNECTIONS = 256

_READ_BYTES = 65_536
_UDP_BUFFER = 4 << 20
#: SO_MEMINFO of Linux: nine counters of a socket, the last of them the datagrams that found its buffer full.
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("9I")
_FAREWELL_SECONDS = 2.0


class _Keeper:
    """Writes what is in the backlog, in batches, and keeps a batch that the store cannot take yet."""

    def __init__(self, intake: Intake, source: Source) -> None:
        self.backlog = Backlog(batch=BATCH)
        self.intake = intake
        self.source = source
        self._unwritten: list[Message] = []

    def message(self, body: bytes, peer: str) -> Message:
        return Message(body, peer, self.intake.clock.wall_ns())

    def count(self, event: str, number: int = 1) -> None:
        if number:
            self.intake.sources.counts[event] += number

    async def run(self) -> None:
        while True:
            self._unwritten = await self.backlog.take(BATCH_SECONDS)
            while (wait := await self._write()) is not None:
                await self.intake.clock.sleep(wait)

    async def farewell(self) -> None:
        """Write what is left once, while the platform stops; what the store does not take then is counted."""
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                while self._unwritten or len(self.backlog):
                    self._unwritten = self._unwritten or self.backlog.take_now()
                    if await self._write() is not None:
                        break
        except TimeoutError:
            pass
        self.count(REFUSED, len(self._unwritten) + len(self.backlog))

    async def _write(self) -> float | None:
        """Try to write the batch in hand. Returns after how many seconds to try again, None when it is done with."""
        batch, self._unwritten = self._unwritten, []
        now_ns = batch[-1].received_ns
        try:
            await self.intake.write(WireFormat.SYSLOG, self.intake.tenant, pack(batch), now_ns)
        except Temporary as error:
            self._unwritten = batch
            self.intake.sources.failed(self.source, error.message)
            return error.retry_after
        except SteersmanError as error:
            self.count(REFUSED, len(batch))
            self.intake.sources.failed(self.source, error.message)
            return None
        self.intake.sources.seen(self.source, now_ns, len(batch))
        return None


class _Streams:
    """The TCP connections."""

    def __init__(self, keeper: _Keeper) -> None:
        self._keeper = keeper
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one connection until its peer closes it, breaks the framing or the platform stops."""
        if len(self._open) >= MOST_CONNECTIONS:
            self._keeper.count(CONNECTIONS_REFUSED)
            writer.close()
            return
        self._open.add(writer)
        try:
            await self._read(reader, writer.get_extra_info("peername")[0])
        except InvalidInput as error:
            self._keeper.count(CONNECTIONS_REFUSED)
            self._keeper.intake.sources.failed(self._keeper.source, error.message)
        except ConnectionError:
            pass  # the peer is gone; what it had sent is kept
        finally:
            self._open.discard(writer)
            writer.close()

    def close(self) -> None:
        for writer in tuple(self._open):
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, peer: str) -> None:
        rest = b""
        while chunk := await reader.read(_READ_BYTES):
            frames, rest = split_frames(rest + chunk)
            while frames:
                await self._put(frames, peer)
                # What is too long is only refused when it comes first.
                frames, rest = split_frames(rest)
        await self._put([rest], peer)  # a peer that closes ends its last line with that

    async def _put(self, frames: list[bytes], peer: str) -> None:
        for frame in frames:
            if frame.strip():
                await self._keeper.backlog.put(self._keeper.message(frame, peer))


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP socket: one message a datagram."""

    def __init__(self, keeper: _Keeper) -> None:
        self._keeper = keeper

    def datagram_received(self, body: bytes, peer: tuple[str, int]) -> None:
        if body.strip() and not self._keeper.backlog.offer(self._keeper.message(body, peer[0])):
            self._keeper.count(UDP_DROPPED)


async def listen_tcp(intake: Intake, address: str) -> None:
    """Take in syslog over TCP at `host:port`, for ever; framed by octet counts or by line ends."""
    host, port = _split(address)
    async with _keeping(_Keeper(intake, Source("syslog", f"tcp {address}"))) as keeper:
        streams = _Streams(keeper)
        server = await asyncio.start_server(streams.serve, host, port, limit=_READ_BYTES)
        try:
            await keeper.run()
        finally:
            server.close()
            streams.close()


async def listen_udp(intake: Intake, address: str) -> None:
    """Take in syslog over UDP at `host:port`, for ever."""
    host, port = _split(address)
    async with _keeping(_Keeper(intake, Source("syslog", f"udp {address}"))) as keeper:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(keeper), (host, port))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_count_kernel_drops(keeper, transport.get_extra_info("socket")))
                await keeper.run()
        finally:
            transport.close()


@asynccontextmanager
async def _keeping(keeper: _Keeper) -> AsyncIterator[_Keeper]:
    try:
        yield keeper
    finally:
        await keeper.farewell()


async def _count_kernel_drops(keeper: _Keeper, listener: socket.socket) -> None:
    """Ask for a large buffer, then add up every second what still found it full."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER)
    known = 0
    while True:
        dropped = _MEMINFO.unpack(listener.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1]
        keeper.count(UDP_DROPPED, (dropped - known) % (1 << 32))
        known = dropped
        await keeper.intake.clock.sleep(1.0)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
