"""How much of the machine a process may take: its niceness and the cores that it may run on.

Both belong to threads, so they are set for every thread of every process of a group. Whether a niceness can be
taken back is asked first: without the privilege, it only goes up.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

from steersman.services.workloads.model.replicas import Identity
from steersman.services.workloads.model.wishes import Priority
from steersman.services.workloads.store import proc

#: The number of CAP_SYS_NICE, capabilities(7).
_SYS_NICE = 23


def priority_of(identity: Identity) -> Priority:
    """Return a process's niceness and cores; raises `ProcessLookupError`."""
    nice = os.getpriority(os.PRIO_PROCESS, identity.pid)
    return Priority(nice, tuple(sorted(os.sched_getaffinity(identity.pid))))


def set_priority(identity: Identity, priority: Priority) -> bool:
    """Give a process and its group a niceness and cores; False when it is gone."""
    if not proc.lives(identity):
        return False
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
