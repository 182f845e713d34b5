"""The neighbour: a nightly report that shares the machine and nothing else. It can take more of it than it should."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import zlib
from collections.abc import Callable
from pathlib import Path

from steersman.services.operations.commands.drill.mesh.clock import monotonic, pause
from steersman.services.operations.commands.drill.mesh.program import Program, start

_REST_SECONDS = 2.0
_STEPS = 20_000
#: The lowest priority that there is.
_POLITE = 19
_LOUD = -20


def build(program: Program) -> None:
    burners: list[int] = []
    packers: list[int] = []

    def adjust() -> None:
        """Have as many children at work as the levels want."""
        wanted = int(program.planted.level("burn_processes"))
        if bool(wanted) != bool(burners):
            _weigh(_LOUD if wanted else 0)
        _keep(burners, wanted, _compute)
        rate = program.planted.level("backup_mb_per_second")
        _keep(packers, 1 if rate else 0, lambda: _pack(rate))

    async def report() -> None:
        while True:
            sum(number * number for number in range(_STEPS))
            program.meter.add("jobs_processed_total")
            await asyncio.sleep(_REST_SECONDS)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    program.meter.add("jobs_processed_total", 0)
    program.every_second.append(adjust)
    program.background.append(report)


def _keep(children: list[int], wanted: int, work: Callable[[], None]) -> None:
    while len(children) > wanted:
        os.kill(children.pop(), signal.SIGKILL)
    while len(children) < wanted:
        children.append(_child(work))


def _weigh(nice: int) -> None:
    """Give this session another weight among all sessions, see sched(7).

    Where the kernel shares the machine out by sessions, one that only computes does not disturb the others, however
    many processes it has. A neighbour is noisy there when it was started with privilege, as cron jobs of root are.
    """
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def _compute() -> None:
    sum(number * number for number in range(_STEPS * 10))


def _pack(megabytes_per_second: float) -> None:
    """Pack some megabytes as a backup does, politely, and rest until they were due."""
    os.nice(max(0, _POLITE - os.nice(0)))
    began = monotonic()
    zlib.compress(os.urandom(1 << 20))
    pause(max(0.01, 1 / megabytes_per_second - (monotonic() - began)))


def _child(work: Callable[[], None]) -> int:
    """A child that works until its parent is gone or kills it."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    os.closerange(3, 256)  # a child that outlives us for a moment must not keep our port
    for signalled in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signalled, signal.SIG_DFL)
    while os.getppid() == parent:
        work()
    os._exit(0)


if __name__ == "__main__":
    start(build)
