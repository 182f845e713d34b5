"""Looks at what services declare about themselves and tells the loop what is not as it should be.

Signals, checks and turned knobs every few seconds, invariants every minute on a thread, because they may read the
database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from steersman.contract.ports import Context, Database
from steersman.model.findings import Finding
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.house import ITSELF, House
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.logic.declared import Watched, outside_signals, settle, turned, unready, violated
from steersman.services.operations.store.reading import journal_head

_LOOK_SECONDS = 2.0
_INVARIANT_SECONDS = 60.0
_AT_ONCE = 500


async def watch_signals(context: Context, inbox: Inbox) -> None:
    """Report signals outside their range and checks that are not ready, for ever."""
    ports, house, watched = context.ports, context.ports.get(House), Watched()
    while True:
        await ports.clock.sleep(_LOOK_SECONDS)
        now_ms = ports.clock.wall_ns() // 1_000_000
        watched, findings = settle(watched, _signals(house, now_ms), now_ms)
        for finding in findings:
            inbox.found(finding)


def _signals(house: House, now_ms: int) -> Iterator[Finding]:
    started = [service for service in house.services if house.started(service)]
    for service in started:
        if any(signal.healthy for signal in service.signals):
            yield from outside_signals(service, service.measure(house.context(service, ITSELF)), now_ms)
    if len(started) == len(house.services):
        yield from unready(house.health(), now_ms)


async def watch_invariants(context: Context, inbox: Inbox) -> None:
    """Check every minute what must always hold."""
    ports, house, watched = context.ports, context.ports.get(House), Watched()
    while True:
        await ports.clock.sleep(_INVARIANT_SECONDS)
        now_ms = ports.clock.wall_ns() // 1_000_000
        seen = await asyncio.to_thread(lambda now: list(_invariants(house, now)), now_ms)
        watched, findings = settle(watched, seen, now_ms)
        for finding in findings:
            inbox.found(finding)


def _invariants(house: House, now_ms: int) -> Iterator[Finding]:
    for service in house.services:
        for invariant in service.invariants if house.started(service) else ():
            if violation := invariant.check(house.context(service, ITSELF)):
                yield violated(service, invariant, violation, now_ms)


async def watch_knobs(context: Context, inbox: Inbox) -> None:
    """Tell the loop of every knob of a service that is turned, by whomever: the journal has them all."""
    ports = context.ports
    after = await asyncio.to_thread(_newest, ports.database)
    while True:
        await ports.clock.sleep(_LOOK_SECONDS)
        entries = await asyncio.to_thread(ports.journal.read, after=after, limit=_AT_ONCE, tenant=DEFAULT_TENANT)
        for entry in entries:
            after = entry.seq
            if (change := turned(entry)) is not None:
                inbox.changed(change)


def _newest(database: Database) -> int:
    with database.reading() as connection:
        return journal_head(connection)
