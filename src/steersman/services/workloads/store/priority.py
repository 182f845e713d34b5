"""How much of the machine a process may take: its niceness, the cores that it may run on, and its session's weight.

The first two belong to threads, so they are set for every thread of every process of a group. Where the kernel shares
the machine out by sessions (sched(7), autogroup), niceness counts inside of one only, and the session has its own.
Whether a niceness can be taken back is asked first: without the privilege, it only goes up.
"""

from __future__ import annotations

import os
import re
import resource
from contextlib import suppress
from pathlib import Path

from steersman.services.workloads.model.replicas import Identity
from steersman.services.workloads.model.wishes import Priority
from steersman.services.workloads.store import proc

#: The number of CAP_SYS_NICE, capabilities(7).
_SYS_NICE = 23


def priority_of(identity: Identity) -> Priority:
    """Return what a process may take; raises `ProcessLookupError`."""
    nice = os.getpriority(os.PRIO_PROCESS, identity.pid)
    return Priority(nice, tuple(sorted(os.sched_getaffinity(identity.pid))), _session_of(identity.pid))


def _autogroup(pid: int) -> Path:
    return Path(f"/proc/{pid}/autogroup")


def _session_of(pid: int) -> int | None:
    """Return the niceness of the session that a process leads; None where the kernel knows none."""
    with suppress(OSError):
        if os.getsid(pid) == pid:
            found = re.search(r"nice (-?\d+)", _autogroup(pid).read_text())
            return int(found[1]) if found else None
    return None


def set_priority(identity: Identity, priority: Priority) -> bool:
    """Give a process and its group a niceness and cores; False when it is gone."""
    if not proc.lives(identity):
        return False
    if priority.session is not None:
        with suppress(OSError):  # the process is gone, or the kernel wants no more changes for now
            _autogroup(identity.pid).write_text(str(priority.session))
    for look in proc.members(identity.pid):
        for thread in proc.threads_of(look.pid):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread, priority.cores)
                os.setpriority(os.PRIO_PROCESS, thread, priority.nice)
    return True


def may_return_to(nice: int) -> bool:
    """Tell whether this process may lower a niceness to `nice` again."""
    status = Path("/proc/self/status").read_text()
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    if int(effective, 16) >> _SYS_NICE & 1:
        return True
    limit = resource.getrlimit(resource.RLIMIT_NICE)[0]
    return 20 - limit <= nice
