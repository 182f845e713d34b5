"""`steersman bench storm`: what a storm of sign-ins leaves to everybody else.

A real platform on a free port of this machine. First a caller with a token asks a small question at a steady pace,
while nothing else happens; then the same while wrong sign-ins come at a fixed rate, whatever becomes of them, from many
addresses at once, and a person with the right password signs in now and then. Printed is the P99 of both, and what the
storm was answered.

Storm, meter and platform share the cores of one machine. How much of the tail is the machine's, and none of the
platform's doing, a control tells: the same storm on a second platform beside the one that is asked. The storm has the
lowest weight that the system knows, as it would come over the line and take no core from anybody.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from steersman.model.errors import Permanent, Temporary
from steersman.runtime.http.remote import call

_TOKEN = "bench-storm-token-of-nobody"  # noqa: S105 - of a platform that lives as long as this command
_NAME, _PASSWORD = "ines", "a green kettle sings by itself"
_PACE_SECONDS = 0.02
_ADDRESSES = 200
_PATIENCE_SECONDS = 120.0
_REST_SECONDS = 5.0
_SETTINGS = "[telemetry.host]\nenabled = false\n"


@dataclass(slots=True)
class _Lines:
    """Connections that are idle, by the address they come from."""

    port: int
    idle: dict[str, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = field(default_factory=dict)

    async def ask(self, source: str, request: bytes) -> int:
        """Send one request over a connection from there and return the status of its answer."""
        lines = self.idle.setdefault(source, [])
        line = lines.pop() if lines else None
        reader, writer = line or await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((row for row in head.lower().split(b"\r\n") if row.startswith(b"content-length:")), b":0")
        await reader.readexactly(int(length.partition(b":")[2]))
        lines.append((reader, writer))
        return int(head[9:12])


def storm(
    rate: Annotated[int, typer.Option(help="Wrong sign-ins a second.")] = 500,
    seconds: Annotated[int, typer.Option(help="How long the storm lasts.")] = 60,
    idle: Annotated[int, typer.Option(help="How long is measured before it.")] = 20,
    control: Annotated[int, typer.Option(help="How long the control lasts; 0 leaves it out.")] = 20,
) -> None:
    """Measure, and print one line for each figure."""
    with tempfile.TemporaryDirectory(prefix="steersman-storm-") as folder, _platform(Path(folder, "one")) as port:
        _add_person(port)
        asyncio.run(_rest(port))
        quiet = asyncio.run(_probe(_Lines(port), idle))
        if control:
            with _platform(Path(folder, "other")) as other:
                _add_person(other)
                asyncio.run(_rest(port))
                beside = asyncio.run(_stormed(port, other, Storm(rate, control)))
        storm = asyncio.run(_stormed(port, port, Storm(rate, seconds)))
    _tell("nothing else", quiet)
    if control:
        _tell("the same storm on another platform of this machine", beside.asked)
        typer.echo(f"the machine's share of the tail: {_times(beside.asked, quiet)} times the P99 of nothing else")
    told = ", ".join(f"{status} {count}" for status, count in sorted(storm.answers.items()))
    typer.echo(f"{rate} wrong sign-ins a second for {seconds} s: {told}")
    _tell("meanwhile", storm.asked)
    typer.echo(f"P99 is {_times(storm.asked, quiet)} times what it is when nothing else happens")
    if control:
        typer.echo(f"and {_times(storm.asked, beside.asked)} times what it is in the control")
    if right := storm.right:
        longest = max(right) * 1000
        typer.echo(f"right sign-ins meanwhile: {len(right)}, P50 {_median(right):.0f} ms, longest {longest:.0f} ms")


@dataclass(frozen=True, slots=True)
class Storm:
    """So many wrong sign-ins a second, for so long."""

    rate: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Felt:
    """What was felt of a storm: how long questions took, right sign-ins, and what the storm was answered."""

    asked: list[float]
    right: list[float]
    answers: Counter[int]


async def _rest(port: int) -> None:
    """Let a platform that has just started come to rest, and warm it."""
    await asyncio.sleep(_REST_SECONDS)
    await _probe(_Lines(port), 2)


async def _stormed(port: int, where: int, storm: Storm) -> Felt:
    """Ask one platform while it storms at one, which need not be the same; people sign in where it storms."""
    lines, right = _Lines(port), list[float]()
    with _storming(where, storm) as answered:
        async with asyncio.TaskGroup() as group:
            group.create_task(_people(_Lines(where), storm.seconds, right))
            probing = group.create_task(_probe(lines, storm.seconds))
        return Felt(probing.result(), right, await asyncio.to_thread(answered))


def _tell(what: str, taken: list[float]) -> None:
    typer.echo(f"{what}: {len(taken)} requests, P50 {_median(taken):.2f} ms, P99 {_percentile(taken):.2f} ms")


def _add_person(port: int) -> None:
    body = {"name": _NAME, "email": "", "roles": ["viewer"], "kind": "person", "password": _PASSWORD}
    call(f"http://127.0.0.1:{port}", "POST", "/api/identity/users", body, _TOKEN)


@contextmanager
def _storming(port: int, storm: Storm) -> Iterator[Callable[[], Counter[int]]]:
    """Let a process of its own storm, so that its haste does not stand in the way of the clock; yields its answers."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=blow, args=(port, storm, theirs), daemon=True)
    process.start()
    ours.recv()
    try:
        yield ours.recv
    finally:
        process.kill()
        process.join()


def blow(port: int, storm: Storm, told: Connection) -> None:
    """Be the storm, and tell what it was answered."""
    os.nice(19)
    answers: Counter[int] = Counter()
    told.send("ready")
    asyncio.run(_storm(_Lines(port), storm.rate, storm.seconds, answers))
    told.send(answers)


async def _probe(lines: _Lines, seconds: float) -> list[float]:
    """Ask a small question at a steady pace; how long each answer took since it was due."""
    request = _request("GET", "/auth/me", "", _TOKEN)
    taken: list[float] = []
    began = perf_counter()
    for number in range(int(seconds / _PACE_SECONDS)):
        due = began + number * _PACE_SECONDS
        await asyncio.sleep(max(0.0, due - perf_counter()))
        asked = perf_counter()
        if await lines.ask("127.0.0.1", request) != 200:
            raise Permanent("the platform refused the caller with a token")
        taken.append(perf_counter() - asked)
    return taken


async def _storm(lines: _Lines, rate: int, seconds: int, answers: Counter[int]) -> None:
    async def one(number: int) -> None:
        source = f"127.0.{1 + number % _ADDRESSES // 250}.{2 + number % _ADDRESSES % 250}"
        name = _NAME if number % 2 else f"nobody{number}"
        form = f"grant_type=password&username={name}&password=wrong{number}"
        try:
            answers[await lines.ask(source, _request("POST", "/auth/token", form))] += 1
        except (OSError, EOFError, asyncio.IncompleteReadError):
            answers[0] += 1

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            await asyncio.sleep(max(0.0, began + number / rate - perf_counter()))
            group.create_task(one(number))


async def _people(lines: _Lines, seconds: int, taken: list[float]) -> None:
    form = f"grant_type=password&username={_NAME}&password={_PASSWORD.replace(' ', '+')}"
    began = perf_counter()
    while perf_counter() - began < seconds:
        asked = perf_counter()
        if await lines.ask("127.0.0.1", _request("POST", "/auth/token", form)) == 200:
            taken.append(perf_counter() - asked)
        await asyncio.sleep(1.0)


def _request(method: str, path: str, form: str, token: str = "") -> bytes:
    key = f"Authorization: Bearer {token}\r\n" if token else ""
    kind = "Content-Type: application/x-www-form-urlencoded\r\n" if form else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}{kind}Content-Length: {len(form)}\r\n\r\n"
    return (head + form).encode()


@contextmanager
def _platform(folder: Path) -> Iterator[int]:
    """Run a platform in a folder and yield its port once it is ready."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    settings = folder / "settings.toml"
    settings.write_text(_SETTINGS)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STEERSMAN_")}
    command = [sys.executable, "-m", "steersman.cli", "up", "--data", str(folder / "data"), "--config", str(settings)]
    with subprocess.Popen(
        [*command, "--listen", f"127.0.0.1:{port}"],
        env=clean | {"STEERSMAN_BOOTSTRAP_TOKEN": _TOKEN},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _until_ready(process, port)
            yield port
        finally:
            process.kill()


def _until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    ends = perf_counter() + _PATIENCE_SECONDS
    while perf_counter() < ends and process.poll() is None:
        try:
            call(f"http://127.0.0.1:{port}", "GET", "/readyz", None, None)
        except (Temporary, Permanent):
            asyncio.run(asyncio.sleep(0.2))
        else:
            return
    raise Temporary("the platform did not become ready")


def _percentile(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98] * 1000


def _times(one: list[float], other: list[float]) -> str:
    return f"{_percentile(one) / _percentile(other):.2f}"


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000
