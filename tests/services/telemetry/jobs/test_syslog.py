"""The syslog listeners, spoken to by Python's own handler, by util-linux `logger` and by bare sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from steersman.contract.ports import Clock
from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import InvalidInput, SteersmanError, Temporary
from steersman.model.ids import Tenant
from steersman.model.telemetry import WireFormat
from steersman.services.telemetry.jobs import syslog
from steersman.services.telemetry.jobs.sources import Intake, Sources


class RealClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05))


class DecodingStore:
    """Keeps the bodies of log lines; refuses while `error` is set."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.services: list[str] = []
        self.writes = 0
        self.error: SteersmanError | None = None

    async def write(self, format: WireFormat, _tenant: Tenant, body: bytes, received_ns: int) -> None:
        self.writes += 1
        if self.error:
            raise self.error
        logs = TelemetryEngine().decode(format)(body, received_ns).logs
        assert logs is not None
        self.lines += logs.body
        self.services += logs.service


Scene = Callable[[int, DecodingStore, Intake], Coroutine[Any, Any, None]]


def play(
    listen: Callable[[Intake, str], Coroutine[Any, Any, None]], scene: Scene, clock: Clock | None = None
) -> tuple[DecodingStore, Intake]:
    """Run a listener on a free port, then the scene, then stop the listener in order."""
    kind = socket.SOCK_STREAM if listen is syslog.listen_tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = DecodingStore()
    intake = Intake(write=store.write, clock=clock or RealClock(), sources=Sources(counts=Counter()))

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            listener = tasks.create_task(listen(intake, f"127.0.0.1:{port}"))
            await until(lambda: bound(port, kind))
            await scene(port, store, intake)
            listener.cancel()

    asyncio.run(run())
    return store, intake


def bound(port: int, kind: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - it waits for what another peer does
            await asyncio.sleep(0.005)


async def send(port: int, data: bytes) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    return writer


@pytest.mark.parametrize(
    ("listen", "kind"), [(syslog.listen_tcp, socket.SOCK_STREAM), (syslog.listen_udp, socket.SOCK_DGRAM)]
)
def test_pythons_handler_is_understood(listen: Any, kind: int) -> None:
    """It ends a message with a NUL, on a stream too."""

    async def scene(port: int, store: DecodingStore, intake: Intake) -> None:
        def speak() -> None:
            handler = logging.handlers.SysLogHandler(("127.0.0.1", port), socktype=kind)
            for number in range(3):
                handler.emit(logging.makeLogRecord({"msg": f"disk {number} is full", "levelname": "ERROR"}))
            handler.close()

        await asyncio.to_thread(speak)
        await until(lambda: len(store.lines) == 3)
        assert [row.kind for row in intake.sources.rows()] == ["syslog"]

    store, _ = play(listen, scene)
    assert store.lines == ["disk 0 is full", "disk 1 is full", "disk 2 is full"]


@pytest.mark.parametrize("options", [["--rfc5424", "--octet-count"], ["--rfc5424"], ["--rfc3164"]])
def test_logger_of_util_linux_is_understood(options: list[str]) -> None:
    """Both formats, both framings."""

    async def scene(port: int, store: DecodingStore, _intake: Intake) -> None:
        command = ["logger", "--tcp", "--server", "127.0.0.1", "--port", str(port), "--tag", "backup", *options]
        for text in ("first", "second"):
            process = await asyncio.create_subprocess_exec(*command, text)
            assert await process.wait() == 0
        await until(lambda: len(store.lines) == 2)

    store, _ = play(syslog.listen_tcp, scene)
    assert store.lines == ["first", "second"]
    assert store.services == ["backup", "backup"]


def test_many_messages_become_few_writes() -> None:
    """One write is one fsync."""

    async def scene(port: int, store: DecodingStore, _intake: Intake) -> None:
        writer = await send(port, b"".join(b"<13>line %d\n" % n for n in range(2000)))
        await until(lambda: len(store.lines) == 2000)
        writer.close()

    store, _ = play(syslog.listen_tcp, scene)
    assert store.writes <= 40
    assert store.lines[-1].endswith("1999")


def test_octet_counts_and_lines_arrive_in_whatever_pieces_tcp_makes() -> None:
    """A message may hold a line end when its length is told."""

    async def scene(port: int, store: DecodingStore, _intake: Intake) -> None:
        message = b"<13>two\nlines"
        writer = await send(port, b"")
        for byte in b"%d %s" % (len(message), message):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await until(lambda: len(store.lines) == 1)
        writer.close()

    store, _ = play(syslog.listen_tcp, scene)
    assert "two\nlines" in store.lines[0]


def test_stream_waits_while_the_store_is_full_and_nothing_is_lost() -> None:
    """The sender's own buffer is the right place to wait in."""

    async def scene(port: int, store: DecodingStore, intake: Intake) -> None:
        store.error = Temporary("disk full", retry_after=0.01)
        writer = await send(port, b"")
        lines = b"".join(b"<13>%s %d\n" % (b"x" * 1000, n) for n in range(30_000))
        writer.write(lines)
        await until(lambda: any(row.error == "disk full" for row in intake.sources.rows()))
        before = -1
        while writer.transport.get_write_buffer_size() != before:
            before = writer.transport.get_write_buffer_size()
            await asyncio.sleep(0.2)
        assert before > 1 << 20
        store.error = None
        await until(lambda: len(store.lines) == 30_000)
        writer.close()

    store, _ = play(syslog.listen_tcp, scene)
    assert [int(line.rpartition(" ")[2]) for line in store.lines] == list(range(30_000))


def test_datagrams_without_room_are_counted() -> None:
    """Kept and counted together are what was sent, wherever the queue was full."""
    sent = 12_000

    async def scene(port: int, store: DecodingStore, intake: Intake) -> None:
        store.error = Temporary("disk full", retry_after=0.01)

        def speak() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for _ in range(sent):
                    sender.sendto(b"<13>" + b"x" * 1000, ("127.0.0.1", port))

        await asyncio.to_thread(speak)
        await until(lambda: intake.sources.counts[syslog.UDP_DROPPED] > 0)
        store.error = None
        await until(lambda: len(store.lines) + intake.sources.counts[syslog.UDP_DROPPED] == sent)

    play(syslog.listen_udp, scene)


def test_what_the_store_refuses_for_good_is_counted_and_the_rest_goes_on() -> None:
    """Trying again could not help."""

    async def scene(port: int, store: DecodingStore, intake: Intake) -> None:
        store.error = InvalidInput("no")
        writer = await send(port, b"<13>bad\n")
        await until(lambda: intake.sources.counts[syslog.REFUSED] == 1)
        store.error = None
        writer.write(b"<13>good\n")
        await until(lambda: len(store.lines) == 1)
        writer.close()

    store, _ = play(syslog.listen_tcp, scene)
    assert "good" in store.lines[0]


@pytest.mark.parametrize("flood", [b"x" * 200_000, b"99999999 <13>x", b"200000 <13>" + b"x" * 150_000])
def test_endless_message_ends_the_connection(flood: bytes) -> None:
    """A peer may not take memory without bound; what came before is kept."""

    async def scene(port: int, store: DecodingStore, intake: Intake) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"<13>kept\n" + flood)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        await until(lambda: len(store.lines) == 1)
        assert intake.sources.counts[syslog.CONNECTIONS_REFUSED] == 1
        writer.close()

    play(syslog.listen_tcp, scene)


def test_connections_beyond_the_limit_are_closed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on."""
    monkeypatch.setattr(syslog, "MOST_CONNECTIONS", 1)

    async def scene(port: int, store: DecodingStore, intake: Intake) -> None:
        first = await send(port, b"<13>one\n")
        await until(lambda: len(store.lines) == 1)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        assert intake.sources.counts[syslog.CONNECTIONS_REFUSED] == 1
        first.close()
        second.close()

    play(syslog.listen_tcp, scene)


def test_peer_that_resets_keeps_what_it_had_sent() -> None:
    """A crash of the sender is when its last lines matter."""

    async def scene(port: int, store: DecodingStore, _intake: Intake) -> None:
        writer = await send(port, b"<13>last words\n")
        await until(lambda: len(store.lines) == 1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    assert "last words" in play(syslog.listen_tcp, scene)[0].lines[0]


def test_line_without_an_end_is_ended_by_the_peer_that_closes() -> None:
    """It is complete for all that anybody knows."""

    async def scene(port: int, store: DecodingStore, _intake: Intake) -> None:
        (await send(port, b"<13>a\n<13>b")).close()
        await until(lambda: len(store.lines) == 2)

    play(syslog.listen_tcp, scene)


def test_orderly_stop_writes_what_the_store_could_not_take_before() -> None:
    """Once, and without waiting for the time of the next attempt."""

    async def scene(port: int, store: DecodingStore, _intake: Intake) -> None:
        store.error = Temporary("disk full", retry_after=3600)
        writer = await send(port, b"<13>a\n")
        await until(lambda: store.writes == 1)
        store.error = None
        writer.close()

    class PatientClock(RealClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds)

    assert len(play(syslog.listen_tcp, scene, PatientClock())[0].lines) == 1
