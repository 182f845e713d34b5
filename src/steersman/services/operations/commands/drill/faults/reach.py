"""How a fault reaches into a mesh: the processes of a service, and the loopback door of a program."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.plan import role

_SECONDS = 2.0


def processes(mesh: Mesh, service: str) -> list[int]:
    """The processes of a service, oldest first. Found by what they run, since whoever supervises them started them."""
    program = mesh.command(service)[2]
    folder = str(mesh.folder / service)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            words = _command(entry)
            if program in words and folder in words:
                found.append((_started(entry), int(entry.name)))
    return [pid for _, pid in sorted(found)]


def _command(entry: Path) -> list[str]:
    try:
        return (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _started(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return 0


def state_of(pid: int) -> str:
    """The kernel's letter for the state of a process, or nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def alive(pid: int) -> bool:
    return state_of(pid) not in {"", "Z"}


def signalled(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes that may be gone by now."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def reload(mesh: Mesh, service: str) -> None:
    """Make a service read its configuration and release again, as its deployment would."""
    signalled(processes(mesh, service)[:1], signal.SIGHUP)


def ask(mesh: Mesh, service: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
    """Ask the plain port of a service; raises `OSError` when there is no answer."""
    host, _, port = mesh.plain_address(service).rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=_SECONDS)
    try:
        connection.request(method, path, json.dumps(body or {}).encode())
        response = connection.getresponse()
        return response.status, response.read()
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def plant(mesh: Mesh, service: str, levels: Mapping[str, float]) -> dict[str, float]:
    """Set the levels of planted bugs and return those that are in place."""
    status, body = ask(mesh, service, "POST", "/fault", levels)
    if status != 200:
        raise OSError(f"{service} answered {status} to a planted bug")
    found: dict[str, float] = json.loads(body)
    return found


def planted(mesh: Mesh, service: str, kind: str) -> bool:
    """Whether a planted bug is in place; a process that does not answer may be dead of it."""
    try:
        return kind in plant(mesh, service, {})
    except OSError:
        return bool(processes(mesh, service))


def metrics(mesh: Mesh, service: str) -> Iterator[tuple[str, float]]:
    """The numbers of a service: each series as it is written, with its value."""
    _, body = ask(mesh, service, "GET", "/metrics")
    for line in body.decode().splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            yield series, float(value)


def stored_orders(mesh: Mesh) -> int:
    """How many orders the database holds; those that customers were told of must be among them."""
    return int(json.loads(ask(mesh, "database", "GET", "/orders")[1])["orders"])


def folder_of(mesh: Mesh, service: str) -> Path:
    return mesh.folder / role(service).name
