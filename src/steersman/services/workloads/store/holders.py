"""Which process holds a socket: ours by a look at each of them, a stranger's by a search through all, done seldom.

A stranger is named once, by its unit, its container or its program with what it listens on, and is remembered for as
long as its socket is there. The platform itself is nobody's dependency: everything that is watched talks to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from steersman.engine.signals.cgroups import owner_of
from steersman.model.entities import Entity, EntityKind

_PROC = "/proc"
_SOCKET = "socket:["


def held(pid: int) -> Iterator[int]:
    """Yield the numbers of the sockets that a process holds; nothing where it has ended or may not be looked at."""
    folder = f"{_PROC}/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208 - thousands of links each time; a Path for each would be the cost
            with suppress(OSError):  # it was closed meanwhile
                target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - as above
                if target.startswith(_SOCKET):
                    yield int(target[len(_SOCKET) : -1])


def holders(services: Mapping[str, Iterable[int]]) -> dict[int, Entity]:
    """Return the service that holds each socket, from the pids of each service."""
    return {
        inode: Entity(EntityKind.SERVICE, service)
        for service, pids in services.items()
        for pid in pids
        for inode in held(pid)
    }


class Strangers:
    """Who holds the sockets that no service of ours holds. `every_seconds` keeps the searches apart."""

    def __init__(self, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._searched = float("-inf")
        self._known: dict[int, Entity | None] = {}

    def named(self, wanted: Mapping[int, str], now: float) -> dict[int, Entity]:
        """Return who holds these sockets, as far as it is known at the monotonic time `now`."""
        self._known = {inode: who for inode, who in self._known.items() if inode in wanted}
        missing = {inode: at for inode, at in wanted.items() if inode not in self._known}
        if missing and now - self._searched >= self._every_seconds:
            self._searched = now
            # Whose processes may not be looked at stays unknown: it is not searched for again and again.
            self._known |= dict.fromkeys(missing) | _found(missing)
        return {inode: who for inode, who in self._known.items() if who is not None}


def _found(missing: Mapping[int, str]) -> dict[int, Entity | None]:
    found: dict[int, Entity | None] = {}
    for pid in _everybody():
        for inode in held(pid):
            if inode in missing and inode not in found:
                found[inode] = None if pid == os.getpid() else _name_of(pid, missing[inode])
        if len(found) == len(missing):
            break
    return found


def _everybody() -> Iterator[int]:
    """Yield every process, this one first."""
    yield os.getpid()
    with suppress(OSError):
        yield from (int(entry.name) for entry in Path(_PROC).iterdir() if entry.name.isdecimal())


def _name_of(pid: int, at: str) -> Entity | None:
    try:
        owner = owner_of(Path(_PROC, str(pid), "cgroup").read_text("utf-8", "replace"))
        program = Path(_PROC, str(pid), "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return None
    return owner or Entity(EntityKind.PROCESS, f"{program}:{at}")
