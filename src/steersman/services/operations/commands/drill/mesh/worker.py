"""The worker and its queue: jobs that orders leave are done one after the other, and replicas help.

Replica 0 owns the queue, in a file, so that a restart loses no job; other replicas take jobs from it over HTTP and
report them done. Its numbers are those of the queue, whoever did the work.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path

from steersman.services.operations.commands.drill.mesh.clock import true_wall
from steersman.services.operations.commands.drill.mesh.program import Program, start
from steersman.services.operations.commands.drill.mesh.spans import Trace, trace_of
from steersman.services.operations.commands.drill.mesh.upstream import Unreachable
from steersman.services.operations.commands.drill.mesh.wire import Request, Response, answer

#: How long a job of weight 1 takes.
JOB_SECONDS = 0.05
_IDLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class _Job:
    order: str
    weight: float
    queued: float


def build(program: Program) -> None:
    if program.replica:
        _assist(program)
        return
    queue = _Queue(program)
    program.routes["POST /jobs"] = queue.put
    program.routes["POST /take"] = queue.take
    program.routes["POST /done"] = queue.done
    program.every_second.append(queue.report)
    program.background.append(queue.work)


class _Queue:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._file = program.folder / "data" / "queue.json"
        self._jobs: deque[_Job] = deque(_kept(self._file))
        self._working = 0
        program.meter.add("jobs_processed_total", 0)
        program.meter.add("jobs_failed_total", 0)
        self.report()

    async def put(self, request: Request, place: Trace) -> Response:
        asked = request.json()
        self._jobs.append(_Job(asked["order"], float(asked.get("weight", 1)), true_wall()))
        return answer(202, length=len(self._jobs))

    async def take(self, request: Request, place: Trace) -> Response:
        await self._unstuck()
        return answer(**asdict(self._jobs.popleft())) if self._jobs else answer()

    async def done(self, request: Request, place: Trace) -> Response:
        self._program.meter.add("jobs_processed_total")
        return answer()

    async def _unstuck(self) -> None:
        """Come back when jobs may be touched; a planted bug keeps that from being so."""
        while self._program.planted.level("stuck"):  # noqa: ASYNC110 - the bug is a level, and nobody tells of it
            await asyncio.sleep(_IDLE_SECONDS)

    async def work(self) -> None:
        """Keep as many jobs in the making as the knob says."""
        loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        while True:
            await self._unstuck()
            tasks = {task for task in tasks if not task.done()}
            if self._jobs and len(tasks) < max(1, int(self._program.knob("concurrency", 1))):
                tasks.add(loop.create_task(self._do(self._jobs.popleft())))
            else:
                await _soon(tasks)

    async def _do(self, job: _Job) -> None:
        await asyncio.sleep(JOB_SECONDS * job.weight)
        self._program.meter.add("jobs_processed_total")

    def report(self) -> None:
        self._program.meter.set("queue_length", len(self._jobs))
        oldest = true_wall() - self._jobs[0].queued if self._jobs else 0.0
        self._program.meter.set("queue_oldest_age_seconds", max(0.0, oldest))
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps([asdict(job) for job in self._jobs]))
        written.replace(self._file)


async def _soon(tasks: set[asyncio.Task[None]]) -> None:
    """Wait for a job to be done, or for jobs to come."""
    if tasks:
        await asyncio.wait(tasks, timeout=_IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(_IDLE_SECONDS / 5)


def _assist(program: Program) -> None:
    queue = program.upstream("worker", address=lambda: program.config["queue"])

    async def work() -> None:
        while True:
            place = trace_of("")
            try:
                job = (await queue.call("POST", "/take", place)).json()
                if job:
                    await asyncio.sleep(JOB_SECONDS * float(job["weight"]))
                    await queue.call("POST", "/done", place)
            except Unreachable as error:
                program.log.write("WARNING", f"no jobs to be had: {error}")
                job = {}
            if not job:
                await asyncio.sleep(_IDLE_SECONDS)

    program.background.append(work)


def _kept(file: Path) -> list[_Job]:
    try:
        return [_Job(**job) for job in json.loads(file.read_text())]
    except (OSError, ValueError, TypeError):
        return []


if __name__ == "__main__":
    start(build)
