"""`steersman bench storm`: what a storm of sign-ins leaves to everybody else.

A real platform on a free port of this machine. First a caller with a token asks a small question at a steady pace,
while nothing else happens; then the same while wrong sign-ins come at a fixed rate, whatever becomes of them, from many
addresses at once, and a person with the right password signs in now and then. Printed is the P99 of both, and what the
storm was answered. The client shares the cores with the platform, which makes the figure worse and never better.
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
) -> None:
    """Measure, and print one line for each figure."""
    with tempfile.TemporaryDirectory(prefix="steersman-storm-") as folder, _platform(Path(folder)) as port:
        body = {"name": _NAME, "email": "", "roles": ["viewer"], "kind": "person", "password": _PASSWORD}
        call(f"http://127.0.0.1:{port}", "POST", "/api/identity/users", body, _TOKEN)
        asyncio.run(_measure(port, rate, seconds, idle))


async def _measure(port: int, rate: int, seconds: int, idle: int) -> None:
    lines = _Lines(port)
    await _probe(lines, 2)
    quiet = await _probe(lines, idle)
    good: list[float] = []
    with _storming(port, rate, seconds) as answered:
        async with asyncio.TaskGroup() as group:
            group.create_task(_people(lines, seconds, good))
            probing = group.create_task(_probe(lines, seconds))
        busy, answers = probing.result(), await asyncio.to_thread(answered)
    before, during = _percentile(quiet), _percentile(busy)
    typer.echo(f"nothing else: {len(quiet)} requests, P50 {_median(quiet):.2f} ms, P99 {before:.2f} ms")
    told = ", ".join(f"{status} {count}" for status, count in sorted(answers.items()))
    typer.echo(f"{rate} wrong sign-ins a second for {seconds} s: {told}")
    typer.echo(f"meanwhile:    {len(busy)} requests, P50 {_median(busy):.2f} ms, P99 {during:.2f} ms")
    typer.echo(f"P99 is {during / before:.2f} times what it is when nothing else happens")
    if good:
        typer.echo(
            f"right sign-ins meanwhile: {len(good)}, P50 {_median(good):.0f} ms, longest {max(good) * 1000:.0f} ms"
        )


@contextmanager
def _storming(port: int, rate: int, seconds: int) -> Iterator[Callable[[], Counter[int]]]:
    """Let a process of its own storm, so that its haste does not stand in the way of the clock; yields its answers."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=blow, args=(port, rate, seconds, theirs), daemon=True)
    process.start()
    ours.recv()
    try:
        yield ours.recv
    finally:
        process.kill()
        process.join()


def blow(port: int, rate: int, seconds: int, told: Connection) -> None:
    """Be the storm, and tell what it was answered."""
    answers: Counter[int] = Counter()
    told.send("ready")
    asyncio.run(_storm(_Lines(port), rate, seconds, answers))
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


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000
