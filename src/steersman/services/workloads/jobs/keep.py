"""Starts the services in order, looks at their processes every second, and reports what is wrong to the loop.

It restarts nothing on its own, except where the owner asked for plain supervision with `restart = "always"`: what to do
about an end is the loop's to decide.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field, replace

import structlog

from steersman.contract.ports import Clock, Observer
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import Permanent
from steersman.model.findings import Finding
from steersman.services.workloads.logic.health import recent_exits
from steersman.services.workloads.logic.reports import findings_of, landscape
from steersman.services.workloads.model.order import start_order
from steersman.services.workloads.model.replicas import Condition, Replica
from steersman.services.workloads.store.fleet import Fleet

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.5
_CORES = os.cpu_count() or 1
#: Counting descriptors costs a listing for each process, so it is done more seldom.
_DEEP_EVERY = 10
_WAIT_SECONDS = 0.1
#: What is still so is said again this often, so that nobody takes silence for the end.
_AGAIN_MS = 5_000
_LONGEST_PAUSE_MS = 30_000


async def start_services(fleet: Fleet, clock: Clock) -> None:
    """Start what should run and does not, each service after those that it needs answer, or had their time to."""
    definitions = fleet.view.definitions
    for name in start_order({name: definition.depends_on for name, definition in definitions.items()}):
        for needed in definitions[name].depends_on:
            await _until_well(fleet, clock, needed)
        for replica in fleet.view.replicas(name):
            if replica.wanted and replica.identity is None:
                await _start(fleet, replica)


async def _until_well(fleet: Fleet, clock: Clock, service: str) -> None:
    ends = clock.monotonic() + fleet.view.definition(service).start_seconds
    while clock.monotonic() < ends:
        conditions = {fleet.view.condition(one) for one in fleet.view.replicas(service)}
        if Condition.STARTING not in conditions:
            return
        await clock.sleep(_WAIT_SECONDS)


async def _start(fleet: Fleet, replica: Replica) -> None:
    try:
        await asyncio.to_thread(fleet.start, replica.service, replica.number)
    except Permanent as error:
        _log.error("a service does not start", service=replica.service, reason=error.message)


@dataclass(slots=True)
class Reporter:
    """Remembers what was reported, so that a thing is told when it begins, changes, goes on for long, and ends."""

    observer: Observer
    open: dict[str, Finding] = field(default_factory=dict)

    def report(self, found: list[Finding], now_ms: int) -> None:
        """Tell everything that is wrong now; what was wrong and is not among it has ended."""
        keys = {finding.key for finding in found}
        for key in [key for key in self.open if key not in keys]:
            ended = self.open.pop(key)
            self.observer.found(replace(ended, seen_ms=now_ms, ended_ms=now_ms))
        for finding in found:
            before = self.open.get(finding.key)
            if before is not None:
                finding = replace(finding, started_ms=before.started_ms)  # noqa: PLW2901 - the same finding, as it began
                if finding.reason == before.reason and now_ms - before.seen_ms < _AGAIN_MS:
                    continue
            self.open[finding.key] = finding
            self.observer.found(finding)


def trouble(fleet: Fleet, open_keys: frozenset[str]) -> list[Finding]:
    """Return what is wrong now. What was gone stays so until its successor answers, not only until it breathes."""
    now = fleet.view.now_ms()
    found = []
    for replica in fleet.view.everyone():
        condition = fleet.view.condition(replica)
        recovering = condition is Condition.STARTING or replica.moving
        if recovering and any(key.endswith(f":{replica.name}") for key in open_keys):
            condition = _as_before(replica, open_keys)
        found += findings_of(replica, condition, now, cores=_CORES)
    return found


def _as_before(replica: Replica, open_keys: frozenset[str]) -> Condition:
    gone = f"workloads:gone:{replica.name}" in open_keys
    return Condition.GONE if gone else Condition.UNHEALTHY


async def watch_services(fleet: Fleet, clock: Clock, observer: Observer) -> None:
    """Look, report, and restart what its owner wants always restarted; for ever."""
    reporter = Reporter(observer)
    host = Entity(EntityKind.HOST, os.uname().nodename)
    declared: dict[str, int] = {}
    looked = clock.monotonic()
    turn = 0
    while True:
        counts = {name: fleet.view.count(name) for name in fleet.view.definitions}
        if counts != declared:
            observer.declare(*landscape(fleet.view.definitions, counts, host, fleet.view.now_ms()))
            declared = counts
        now = clock.monotonic()
        ended = await asyncio.to_thread(fleet.look, now - looked, deep=turn % _DEEP_EVERY == 0)
        looked, turn = now, turn + 1
        for replica in ended:
            reason = replica.last_exit.reason if replica.last_exit else ""
            _log.warning("a process of a service ended", replica=replica.name, reason=reason)
        reporter.report(trouble(fleet, frozenset(reporter.open)), fleet.view.now_ms())
        await _restart_always(fleet)
        await clock.sleep(_LOOK_SECONDS)


async def _restart_always(fleet: Fleet) -> None:
    now = fleet.view.now_ms()
    for replica in fleet.view.everyone():
        if fleet.view.definition(replica.service).restart != "always":
            continue
        if fleet.view.condition(replica) is Condition.GONE and now >= _due_ms(replica, now):
            await _start(fleet, replica)


def _due_ms(replica: Replica, now_ms: int) -> int:
    """Each end within the window doubles the pause before the next start."""
    if not replica.exits_ms:
        return 0
    pause = min(_LONGEST_PAUSE_MS, 500 << min(10, recent_exits(replica, now_ms)))
    return replica.exits_ms[-1] + pause
