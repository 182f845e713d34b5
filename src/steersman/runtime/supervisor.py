"""Background tasks by name: restarted with back-off when they fail, stopped in reverse order of their start.

The only place that creates asyncio tasks, and the only one that catches every exception: a part that fails must
not take the house with it, and must not fail silently either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from steersman.model.errors import Conflict

if TYPE_CHECKING:
    from steersman.contract.ports import Clock

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
#: After running this long without a failure, the next failure is treated as the first one.
_CALM_SECONDS = 60.0


class Activity(StrEnum):
    """What a supervised task is doing."""

    RUNNING = "running"
    BACKING_OFF = "backing off"
    FINISHED = "finished"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task as health shows it. `last_error_ns` is wall time, 0 when it never failed."""

    name: str
    activity: Activity = Activity.RUNNING
    restarts: int = 0
    last_error: str | None = None
    last_error_ns: int = 0


class TaskSupervisor:
    """Owns every background task of the process. Use it from the thread of its event loop only."""

    def __init__(self, clock: Clock, jitter: Callable[[], float]) -> None:
        """`jitter` returns numbers in [0, 1): it spreads restarts that would otherwise come at the same moment."""
        self._clock = clock
        self._jitter = jitter
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, TaskState] = {}
        self._stopping = False

    def spawn(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Start `run` under a name; when it fails it is called again, when it returns it is finished."""
        if self._stopping:
            raise Conflict(f"the task {name} cannot start: the platform is stopping")
        known = self._tasks.get(name)
        if known is not None and not known.done():
            raise Conflict(f"a task named {name} is already running")
        # Forgotten first, so that the order of the dictionary stays the order of the starts.
        self._tasks.pop(name, None)
        self._states[name] = TaskState(name)
        self._tasks[name] = asyncio.create_task(  # noqa: TID251 - the one place
            self._keep_running(name, run), name=name
        )

    def states(self) -> tuple[TaskState, ...]:
        """Return the state of every task that was ever started, in order of start."""
        return tuple(self._states.values())

    async def stop(self, deadline_seconds: float = 5.0) -> tuple[str, ...]:
        """Stop every task, the last started first; return the names of those that did not stop in time.

        One task that ignores its cancellation uses up its share of the time, not that of the others.
        """
        self._stopping = True
        ends = self._clock.monotonic() + deadline_seconds
        left = [(name, task) for name, task in reversed(self._tasks.items()) if not task.done()]
        stubborn: list[tuple[str, asyncio.Task[None]]] = []
        for position, (name, task) in enumerate(left):
            task.cancel()
            share = max(0.0, ends - self._clock.monotonic()) / (len(left) - position)
            await asyncio.wait([task], timeout=share)
            if not task.done():
                stubborn.append((name, task))
            elif self._states[name].activity is not Activity.FINISHED:
                self._states[name] = replace(self._states[name], activity=Activity.STOPPED)
        names = tuple(name for name, task in stubborn if not task.done())
        if names:
            _log.error("tasks did not stop in time", tasks=names, deadline_seconds=deadline_seconds)
        return names

    async def _keep_running(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = self._clock.monotonic()
            try:
                await run()
            except asyncio.CancelledError as error:
                if self._being_stopped():
                    raise
                failure: BaseException = error
            except Exception as error:  # noqa: BLE001 - the one place: whatever failed, it is recorded and restarted
                failure = error
            else:
                self._states[name] = replace(self._states[name], activity=Activity.FINISHED)
                return
            if self._clock.monotonic() - started >= _CALM_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            await self._back_off(name, failure, pause)
            pause = min(_LONGEST_PAUSE_SECONDS, pause * 2)

    @staticmethod
    def _being_stopped() -> bool:
        """Tell a stop from a task that was cancelled by something inside itself."""
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def _back_off(self, name: str, failure: BaseException, pause: float) -> None:
        seconds = pause * (0.5 + 0.5 * self._jitter())
        _log.error("task failed", task=name, restart_in_seconds=round(seconds, 3), exc_info=failure)
        self._states[name] = replace(
            self._states[name],
            activity=Activity.BACKING_OFF,
            last_error=f"{type(failure).__name__}: {failure}",
            last_error_ns=self._clock.wall_ns(),
        )
        await self._clock.sleep(seconds)
        state = self._states[name]
        self._states[name] = replace(state, activity=Activity.RUNNING, restarts=state.restarts + 1)
