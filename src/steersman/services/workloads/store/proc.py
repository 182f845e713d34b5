"""Processes as the kernel tells of them: identity, usage, marks. Reads /proc and waits; ends nothing."""

from __future__ import annotations

import math
import os
import select
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from steersman.services.workloads.model.replicas import Identity, Usage

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: How long a busy moment is remembered: a look is too short to tell a burst from a load.
_BUSY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of /proc/<pid>/stat, whose field numbers are those of proc(5)."""

    pid: int
    state: str
    group: int
    session: int
    start_ticks: int
    cpu_seconds: float
    threads: int
    resident_bytes: int

    @property
    def alive(self) -> bool:
        """A zombie and a dead process wait to be taken away and do nothing more."""
        return self.state not in {"Z", "X"}


@cache
def boot_id() -> str:
    """Return the id of this boot: pids and ticks mean nothing across a reboot."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def look_at(pid: int) -> Look | None:
    """Read a process; None when there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything, so the fields are counted from its last parenthesis; the first is 3.
    fields = text[text.rindex(")") + 2 :].split()
    return Look(
        pid=pid,
        state=fields[0],
        group=int(fields[2]),
        session=int(fields[3]),
        start_ticks=int(fields[19]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        threads=int(fields[17]),
        resident_bytes=int(fields[21]) * _PAGE,
    )


def identify(pid: int) -> Identity | None:
    """Return who a living process is."""
    look = look_at(pid)
    return Identity(pid, look.start_ticks, boot_id()) if look is not None and look.alive else None


def lives(identity: Identity) -> bool:
    """Tell whether this very process still runs."""
    return identity.boot == boot_id() and identify(identity.pid) == identity


def open_files(pid: int) -> int:
    """Count the descriptors of a process; 0 when that may not be seen."""
    try:
        return sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return 0


def marked(name: str, prefix: str) -> Iterator[tuple[str, Look]]:
    """Yield the value and the process of everything alive whose environment holds `name` with this prefix."""
    wanted = f"{name}={prefix}".encode()
    for pid in _pids(_PROC):
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        for variable in environment.split(b"\0"):
            if variable.startswith(wanted) and (look := look_at(pid)) is not None and look.alive:
                yield variable[len(name) + 1 :].decode("utf-8", "replace"), look


def threads_of(pid: int) -> list[int]:
    """Return the threads of a process: priority and affinity are theirs, not the process's."""
    try:
        return sorted(_pids(_PROC / str(pid) / "task"))
    except OSError:
        return []


def _pids(folder: Path) -> Iterator[int]:
    return (int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal())


def members(group: int) -> list[Look]:
    """Return the living processes of a process group."""
    return groups().get(group, [])


def groups() -> dict[int, list[Look]]:
    """Return every living process by its process group, in one pass; some microseconds for each."""
    found: dict[int, list[Look]] = {}
    for pid in _pids(_PROC):
        look = look_at(pid)
        if look is not None and look.alive:
            found.setdefault(look.group, []).append(look)
    return found


def used(before: Usage, first: Look, group: list[Look], seconds: float) -> Usage:
    """Fold a look at a replica's processes, `seconds` after the last one, into what was known of its usage.

    What a helper used counts from its own start and stays counted when it ends.
    """
    spent = {(one.pid, one.start_ticks): one.cpu_seconds for one in group}
    fresh = sum(max(0.0, seen - before.spent.get(who, 0.0)) for who, seen in spent.items())
    cores = before.cores
    if before.spent and seconds > 0:
        cores += (fresh / seconds - cores) * (1 - math.exp(-seconds / _BUSY_SECONDS))
    return Usage(
        state=first.state,
        cpu_seconds=before.cpu_seconds + fresh,
        cores=cores,
        resident_bytes=sum(one.resident_bytes for one in group),
        threads=sum(one.threads for one in group),
        open_files=before.open_files,
        spent=spent,
    )


def await_end(identity: Identity, seconds: float) -> bool:
    """Wait for the end of a process, child or not; tell whether it ended in time."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return True
    with closing(_Descriptor(descriptor)):
        if not lives(identity):
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))


@dataclass(frozen=True, slots=True)
class _Descriptor:
    number: int

    def close(self) -> None:
        os.close(self.number)
