"""Asks every replica with a health check whether it answers. A plain socket will do: read a line, hang up."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from steersman.contract.ports import Clock
from steersman.services.workloads.logic.launch import filled, launch_of
from steersman.services.workloads.model.definition import HealthCheck, ServiceDefinition
from steersman.services.workloads.model.replicas import REFUSED, TIMED_OUT, Replica
from steersman.services.workloads.store.fleet import Fleet

#: How often the schedule is looked at; no check runs more often than this.
_TURN_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Due:
    replica: Replica
    definition: ServiceDefinition
    check: HealthCheck


async def probe_services(fleet: Fleet, clock: Clock) -> None:
    """Check every replica at its interval, for ever; one that is slow delays no other."""
    next_at: dict[str, float] = {}
    pending: set[str] = set()
    async with asyncio.TaskGroup() as group:
        while True:
            now = clock.monotonic()
            for due in _with_checks(fleet):
                name = due.replica.name
                if due.replica.identity is None or name in pending or now < next_at.get(name, 0.0):
                    continue
                next_at[name] = now + due.check.interval_seconds
                pending.add(name)
                group.create_task(_judge(fleet, due, pending), name=f"health of {name}")
            await clock.sleep(_TURN_SECONDS)


def _with_checks(fleet: Fleet) -> list[_Due]:
    found = []
    for replica in fleet.view.everyone():
        definition = fleet.view.definition(replica.service)
        if definition.health is not None:
            found.append(_Due(replica, definition, definition.health))
    return found


async def _judge(fleet: Fleet, due: _Due, pending: set[str]) -> None:
    try:
        async with asyncio.timeout(due.check.timeout_seconds):
            reason = await ask(due.check, due.definition, due.replica.number)
    except TimeoutError:
        reason = TIMED_OUT
    except ConnectionRefusedError:
        reason = REFUSED
    except OSError as error:
        reason = f"{type(error).__name__}: {error.strerror or error}"
    finally:
        pending.discard(due.replica.name)
    fleet.probed(due.replica, reason)


async def ask(check: HealthCheck, definition: ServiceDefinition, number: int) -> str:
    """Ask once; return why the answer is no good, or nothing. Raises `OSError` where there is no answer."""
    if check.command:
        return await _run(tuple(filled(part, definition, number) for part in check.command), definition, number)
    if check.tcp is not None:
        host, _, port = filled(check.tcp, definition, number).rpartition(":")
        await _hang_up((await asyncio.open_connection(host, int(port)))[1])
        return ""
    return await _get(filled(check.url or "", definition, number))


async def _get(url: str) -> str:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    context = ssl.create_default_context() if secure else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        line = (await reader.readline()).decode("latin-1").split()
    except ValueError:  # the first line is longer than any status line
        return "the answer is not HTTP"
    finally:
        await _hang_up(writer)
    if len(line) < 2 or not line[1].isdecimal():
        return "the answer is not HTTP"
    return "" if 200 <= int(line[1]) < 400 else f"it answers with status {line[1]}"


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _run(command: tuple[str, ...], definition: ServiceDefinition, number: int) -> str:
    launch = launch_of(definition, number, "", os.environ)
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdin=quiet, stdout=quiet, stderr=quiet, env=dict(launch.environment), cwd=launch.directory
    )
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        raise
    return "" if status == 0 else f"its check exits with status {status}"
