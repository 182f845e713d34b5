"""Named tasks: restarted with back-off, stopped in order, never lost in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from steersman.contract.fakes import FakeClock, MemorySupervisor
from steersman.contract.ports import Supervisor
from steersman.model.errors import Conflict
from steersman.runtime.clock import SystemClock
from steersman.runtime.supervisor import Activity, TaskState, TaskSupervisor


async def _forever() -> None:
    await asyncio.Event().wait()


def _supervisor(clock: FakeClock) -> TaskSupervisor:
    """Without jitter a pause is half its nominal length."""
    return TaskSupervisor(clock, lambda: 0.0)


def _failing(clock: FakeClock, seen: list[float], runs_for: float = 0.0) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        seen.append(clock.monotonic())
        if runs_for:
            await clock.sleep(runs_for)
        raise ValueError("broken")

    return run


def test_a_failing_task_comes_back_ever_more_slowly() -> None:
    async def story() -> tuple[list[float], TaskState]:
        clock, seen = FakeClock(), list[float]()
        supervisor = _supervisor(clock)
        supervisor.spawn("weak", _failing(clock, seen))
        await clock.advance(200.0)
        (state,) = supervisor.states()
        await supervisor.stop()
        return seen, state

    seen, state = asyncio.run(story())
    pauses = [later - sooner for sooner, later in pairwise(seen)]
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    assert state.activity is Activity.BACKING_OFF
    assert (state.restarts, state.last_error) == (len(pauses), "ValueError: broken")
    assert state.last_error_ns > 0


def test_a_calm_period_forgives_earlier_failures() -> None:
    async def story() -> list[float]:
        clock, seen = FakeClock(), list[float]()
        supervisor = _supervisor(clock)
        supervisor.spawn("weak", _failing(clock, seen, runs_for=60.0))
        await clock.advance(200.0)
        await supervisor.stop()
        return seen

    assert asyncio.run(story()) == [0.0, 60.25, 120.5, 180.75]


def test_the_wall_clock_may_jump_without_changing_a_pause() -> None:
    async def story() -> int:
        clock, seen = FakeClock(), list[float]()
        supervisor = _supervisor(clock)
        supervisor.spawn("weak", _failing(clock, seen))
        for jump in (-86_400.0, 86_400.0):
            clock.jump_wall(jump)
            await clock.advance(0.3)
        await supervisor.stop()
        return len(seen)

    assert asyncio.run(story()) == 2


def test_jitter_spreads_the_restarts() -> None:
    async def story() -> list[float]:
        clock, seen = FakeClock(), list[float]()
        supervisor = TaskSupervisor(clock, lambda: 0.5)
        supervisor.spawn("weak", _failing(clock, seen))
        await clock.advance(0.4)
        await supervisor.stop()
        return seen

    assert asyncio.run(story()) == [0.0, 0.375]


def test_a_task_that_returns_is_finished_and_its_name_is_free_again() -> None:
    async def story() -> list[Activity]:
        clock = FakeClock()
        supervisor = _supervisor(clock)
        supervisor.spawn("short", lambda: asyncio.sleep(0))
        await clock.advance(1.0)
        first = supervisor.states()[0].activity
        supervisor.spawn("short", _forever)
        second = supervisor.states()[0].activity
        await supervisor.stop()
        return [first, second, supervisor.states()[0].activity]

    assert asyncio.run(story()) == [Activity.FINISHED, Activity.RUNNING, Activity.STOPPED]


def test_a_task_that_cancels_itself_is_restarted_like_any_failure() -> None:
    async def story() -> int:
        clock, seen = FakeClock(), list[float]()
        supervisor = _supervisor(clock)

        async def run() -> None:
            seen.append(clock.monotonic())
            raise asyncio.CancelledError

        supervisor.spawn("odd", run)
        await clock.advance(1.0)
        await supervisor.stop()
        return len(seen)

    assert asyncio.run(story()) == 3


def test_tasks_stop_in_reverse_order_each_after_the_other() -> None:
    async def story() -> tuple[list[str], tuple[str, ...]]:
        supervisor, order = TaskSupervisor(SystemClock(), lambda: 0.0), list[str]()

        def orderly(name: str) -> Callable[[], Awaitable[None]]:
            async def run() -> None:
                try:
                    await _forever()
                finally:
                    order.append(f"{name} begins")
                    await asyncio.sleep(0.01)
                    order.append(f"{name} ends")

            return run

        for name in ("store", "scrape", "page"):
            supervisor.spawn(name, orderly(name))
        await asyncio.sleep(0)
        return order, await supervisor.stop()

    order, stubborn = asyncio.run(story())
    assert order == [f"{name} {step}" for name in ("page", "scrape", "store") for step in ("begins", "ends")]
    assert stubborn == ()


def test_a_task_that_does_not_stop_is_named_and_does_not_cost_the_others_their_time() -> None:
    async def story() -> tuple[tuple[str, ...], list[str]]:
        supervisor, stopped = TaskSupervisor(SystemClock(), lambda: 0.0), list[str]()
        release = asyncio.Event()

        async def stubborn() -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        async def orderly() -> None:
            try:
                await _forever()
            finally:
                await asyncio.sleep(0.01)
                stopped.append("orderly")

        supervisor.spawn("orderly", orderly)
        supervisor.spawn("stubborn", stubborn)
        await asyncio.sleep(0)
        names = await supervisor.stop(0.2)
        release.set()
        await asyncio.sleep(0)
        return names, stopped

    assert asyncio.run(story()) == (("stubborn",), ["orderly"])


def test_a_task_that_is_backing_off_stops_at_once() -> None:
    async def story() -> tuple[tuple[str, ...], Activity]:
        clock = FakeClock()
        supervisor = _supervisor(clock)
        supervisor.spawn("weak", _failing(clock, []))
        await clock.advance(0.0)
        return await supervisor.stop(), supervisor.states()[0].activity

    assert asyncio.run(story()) == ((), Activity.STOPPED)


def test_nothing_starts_while_stopping() -> None:
    async def story() -> None:
        supervisor = _supervisor(FakeClock())
        await supervisor.stop()
        supervisor.spawn("late", _forever)

    with pytest.raises(Conflict):
        asyncio.run(story())


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_a_name_is_taken_while_its_task_runs(kind: str) -> None:
    async def story() -> None:
        real = _supervisor(FakeClock())
        supervisor: Supervisor = real if kind == "real" else MemorySupervisor()
        supervisor.spawn("one", _forever)
        try:
            supervisor.spawn("one", _forever)
        finally:
            await real.stop()

    with pytest.raises(Conflict, match="one"):
        asyncio.run(story())
