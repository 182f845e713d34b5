"""What this process itself uses, from the kernel's own accounts, and what it is allowed to use."""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path

_SELF = Path("/proc/self")
#: Fields of /proc/self/stat after the name in parentheses, counted from 0 (proc(5) counts from 1, the name is 2).
_START_FIELD = 22 - 3


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """Seconds of CPU, bytes resident, descriptors open and allowed, start in unix seconds."""

    cpu_seconds: float
    resident_bytes: int
    open_descriptors: int
    descriptor_limit: int
    started_at: float


def process_figures() -> ProcessFigures:
    """Read them all; costs some tens of microseconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int((_SELF / "statm").read_bytes().split()[1])
    return ProcessFigures(
        cpu_seconds=used.ru_utime + used.ru_stime,
        resident_bytes=pages * resource.getpagesize(),
        # One of them is the descriptor that lists the folder.
        open_descriptors=sum(1 for _ in (_SELF / "fd").iterdir()) - 1,
        descriptor_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        started_at=_started_at(),
    )


def allow_descriptors(wanted: int) -> None:
    """Raise this process's own limit as far as it may: connections and blocks each take a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


def weigh_session(nice: int) -> bool:
    """Give this process's session another weight among all sessions, as niceness counts; tell whether it took.

    Where the kernel shares the machine out by sessions (sched(7), autogroup), a neighbour with a heavy one leaves
    nothing to the watcher that is to deal with it. Only the leader of a session does this: the other programs of a
    terminal are not ours to favour. What is started in a session of its own begins with the usual weight.
    """
    if os.getsid(0) != os.getpid():
        return False
    try:
        (_SELF / "autogroup").write_text(str(nice))
    except OSError:  # no such file, or no privilege: the owner's supervisor may give the weight instead
        return False
    return True


def use_system_memory() -> None:
    """Let Arrow take memory from the C library, unless the environment says otherwise; call it before Arrow loads.

    Arrow's own allocators keep what a checkpoint took: 450 MB after a million log lines, where this keeps 210 MB.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


def give_memory_back() -> None:
    """Return to the system what was freed. The C library keeps it otherwise, 280 MB after three million log lines.

    Takes milliseconds and no interpreter lock; where the C library has nothing like it, nothing happens.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _started_at() -> float:
    after_name = (_SELF / "stat").read_bytes().rpartition(b")")[2].split()
    ticks = int(after_name[_START_FIELD])
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
