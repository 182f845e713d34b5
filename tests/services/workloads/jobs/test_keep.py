"""Services start in order, and what is wrong with them is told once, while it lasts, and when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction
from steersman.runtime.clock import SystemClock
from steersman.services.workloads.jobs.keep import Reporter, start_services, trouble, watch_services
from steersman.services.workloads.model.replicas import TIMED_OUT

Make = Callable[..., Any]


class Watch:
    """Looks, judges and reports, one turn at a time."""

    def __init__(self, yard: Any) -> None:
        self.yard = yard
        self.reporter = Reporter(yard.observer)

    def turn(self, seconds: float = 0.0) -> list[Any]:
        self.yard.clock.tick(seconds)
        self.yard.fleet.look(1.0)
        told = len(self.yard.observer.findings)
        fleet = self.yard.fleet
        self.reporter.report(trouble(fleet, frozenset(self.reporter.open)), fleet.view.now_ms())
        return self.yard.observer.findings[told:]


def _kill(yard: Any, number: int = signal.SIGKILL) -> None:
    os.kill(yard.pid(), number)
    yard.look_until(lambda: yard.pid() is None)


def test_a_crash_is_told_with_its_signal_and_ends_when_its_successor_settled(make_yard: Make) -> None:
    yard = make_yard()
    watch = Watch(yard)
    yard.start()
    assert watch.turn(3) == []
    _kill(yard)
    [gone] = watch.turn()
    assert (gone.key, gone.entity.ref, gone.aspect) == ("workloads:gone:web/0", "service:web", Aspect.AVAILABILITY)
    assert (gone.direction, gone.suggests) == (Direction.GONE, {CauseKind.CRASH})
    assert gone.reason == "the process of web/0 was killed by SIGKILL"
    yard.start()
    assert watch.turn(1) == []
    [ended] = watch.turn(2)
    assert (ended.key, ended.active) == (gone.key, False)


def test_what_goes_on_is_told_again_seldom(make_yard: Make) -> None:
    yard = make_yard()
    watch = Watch(yard)
    yard.start()
    _kill(yard)
    told = [len(watch.turn(1)) for _ in range(11)]
    assert told == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert len({finding.started_ms for finding in yard.observer.findings}) == 1


def test_a_stop_that_was_asked_for_is_no_finding(make_yard: Make) -> None:
    yard = make_yard()
    watch = Watch(yard)
    yard.start()
    yard.fleet.stop("web", 0)
    assert watch.turn(10) == []


def test_ends_in_a_row_are_a_crash_loop_until_one_lives(make_yard: Make) -> None:
    yard = make_yard()
    watch = Watch(yard)
    for _ in range(3):
        yard.start()
        watch.turn(5)
        _kill(yard)
    looping = next(finding for finding in watch.turn() if finding.aspect is Aspect.RESTARTS)
    assert (looping.value, looping.suggests) == (3.0, {CauseKind.CRASH_LOOP})
    yard.start()
    assert {one.aspect for one in watch.turn(5) if not one.active} == {Aspect.AVAILABILITY}
    assert {one.aspect for one in watch.turn(56) if not one.active} == {Aspect.RESTARTS}


def test_a_process_that_does_not_answer_is_told_apart_from_one_that_is_gone(make_yard: Make, idle: Any) -> None:
    yard = make_yard(web=idle(health={"tcp": "127.0.0.1:1", "failures": 2}))
    watch = Watch(yard)
    yard.start()
    yard.fleet.probed(yard.fleet.view.replica("web", 0), "")
    assert watch.turn(1) == []
    for _ in range(2):
        yard.fleet.probed(yard.fleet.view.replica("web", 0), TIMED_OUT)
    [silent] = watch.turn(1)
    assert (silent.direction, silent.suggests) == (Direction.LOW, {CauseKind.HANG})
    assert silent.reason == f"web/0 runs (process {yard.pid()}) but fails its health check: {TIMED_OUT}"
    yard.fleet.probed(yard.fleet.view.replica("web", 0), "")
    assert [one.active for one in watch.turn(1)] == [False]


def test_a_slow_start_is_given_its_time_and_no_more(make_yard: Make, idle: Any) -> None:
    yard = make_yard(web=idle(health={"tcp": "127.0.0.1:1", "failures": 1}, start_seconds=10))
    watch = Watch(yard)
    yard.start()
    yard.fleet.probed(yard.fleet.view.replica("web", 0), "the connection was refused")
    assert watch.turn(9) == []
    assert len(watch.turn(2)) == 1


def test_a_late_check_of_a_process_that_is_no_more_blames_nobody(make_yard: Make, idle: Any) -> None:
    yard = make_yard(web=idle(health={"tcp": "127.0.0.1:1", "failures": 1}))
    yard.start()
    before = yard.fleet.view.replica("web", 0)
    yard.fleet.restart("web", 0)
    yard.fleet.probed(before, TIMED_OUT)
    assert yard.fleet.view.replica("web", 0).answering.failures == 0


def test_services_start_after_what_they_need_and_only_those_that_should_run(make_yard: Make, idle: Any) -> None:
    needing = idle(depends_on=["middle", "low"])
    yard = make_yard(top=needing, low=idle(), middle=idle(depends_on=["low"]), off=idle())
    yard.fleet.start("off", 0)
    yard.fleet.stop("off", 0)

    class Hurried(SystemClock):
        """Waits for nobody to settle."""

        async def sleep(self, seconds: float) -> None:
            yard.clock.tick(seconds)
            await asyncio.sleep(0)

    asyncio.run(start_services(yard.fleet, Hurried()))
    pids = [yard.pid(name) for name in ("low", "middle", "top")]
    assert pids == sorted(pids)
    assert yard.pid("off") is None


def _run_until(job: Callable[[], Awaitable[None]], seen: Callable[[], bool]) -> None:
    async def race() -> None:
        task = asyncio.ensure_future(job())
        while not seen():
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(race(), 30))


def test_the_watch_declares_what_there_is_and_notices_a_crash_by_itself(make_yard: Make, idle: Any) -> None:
    yard = make_yard(web=idle(depends_on=["low"], self_healing=True, labels={"environment": "prod"}), low=idle())
    yard.start()
    yard.start("low")
    os.kill(yard.pid("web"), signal.SIGTERM)
    _run_until(lambda: watch_services(yard.fleet, SystemClock(), yard.observer), lambda: bool(yard.observer.findings))
    web = next(entity for entity in yard.observer.entities if entity.ref == "service:web")
    assert (web.label("self_healing"), web.label("environment")) == ("true", "prod")
    edges = {(edge.kind.value, edge.source.ref, edge.target.ref) for edge in yard.observer.edges if edge.declared}
    host = f"host:{os.uname().nodename}"
    assert {
        ("depends_on", "service:web", "service:low"),
        ("owns", "service:web", "process:web/0"),
        ("runs_on", "service:web", host),
    } <= edges
    assert yard.observer.findings[0].reason == "the process of web/0 was killed by SIGTERM"


def test_plain_supervision_starts_again_what_ended(make_yard: Make) -> None:
    ending = {"command": [sys.executable, "-S", "-c", "print('ready')"], "restart": "always"}
    yard = make_yard(web=ending)
    yard.start()

    class Hurried(SystemClock):
        """Half a second is a turn."""

        async def sleep(self, seconds: float) -> None:
            yard.clock.tick(seconds)
            await asyncio.sleep(0.01)

    job = lambda: watch_services(yard.fleet, Hurried(), yard.observer)  # noqa: E731 - it is called again and again
    _run_until(job, lambda: yard.fleet.view.replica("web", 0).starts >= 3)
