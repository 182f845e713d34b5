"""The neighbour: a nightly report that shares the machine and nothing else. It can take more of it than it should."""

from __future__ import annotations

import asyncio
import os
import signal

from steersman.services.operations.commands.drill.mesh.program import Program, start

_REST_SECONDS = 2.0
_STEPS = 20_000


def build(program: Program) -> None:
    burners: list[int] = []

    def adjust() -> None:
        """Have as many children computing as the planted bug wants."""
        wanted = int(program.planted.level("burn_processes"))
        while len(burners) > wanted:
            os.kill(burners.pop(), signal.SIGKILL)
        while len(burners) < wanted:
            burners.append(_burner())

    async def report() -> None:
        while True:
            sum(number * number for number in range(_STEPS))
            program.meter.add("jobs_processed_total")
            await asyncio.sleep(_REST_SECONDS)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    program.meter.add("jobs_processed_total", 0)
    program.every_second.append(adjust)
    program.background.append(report)


def _burner() -> int:
    """A child that computes until its parent is gone or kills it."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    os.closerange(3, 256)  # a child that outlives us for a moment must not keep our port
    for signalled in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signalled, signal.SIG_DFL)
    while os.getppid() == parent:
        sum(number * number for number in range(_STEPS * 10))
    os._exit(0)


if __name__ == "__main__":
    start(build)
