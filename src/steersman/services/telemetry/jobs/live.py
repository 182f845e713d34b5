"""Keeps the live page's ring filled: often while somebody watches, seldom otherwise.

Reads in a thread, because a file system that hangs must not hang the event loop. What it reads goes to the page
only; the series of this machine come from the host collector.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

from steersman.contract.ports import Clock
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.labels import Matcher, decode_labels
from steersman.runtime.telemetry.query import Selection
from steersman.services.telemetry.jobs.files import read_once
from steersman.services.telemetry.jobs.machine import Machine, Place
from steersman.services.telemetry.logic.host.kernel import counters
from steersman.services.telemetry.logic.live import RING_SECONDS, Feed, HostFacts
from steersman.services.telemetry.logic.recall import MATCHERS, recalled

#: The shortest wait between two looks, and so how soon the first reading follows a first watcher.
_TICK_SECONDS = 1.0
_NS_PER_MS = 1_000_000

#: How the store is asked: tenant, matchers, first and last millisecond.
Select = Callable[[Tenant, Sequence[Matcher], int, int], Selection]


async def fill(feed: Feed, clock: Clock, place: Place | None = None) -> None:
    """Look at the machine whenever the feed wants it, for ever."""
    machine = Machine(place or Place())
    while True:
        now_ns = clock.wall_ns()
        if feed.due(now_ns // _NS_PER_MS):
            feed.look(await asyncio.to_thread(machine.look, now_ns))
        await clock.sleep(_TICK_SECONDS)


async def recall(feed: Feed, select: Select, clock: Clock) -> None:
    """Fill the ring with what the store knows of the last minutes; call it once the store is readable."""
    now_ms = clock.wall_ns() // _NS_PER_MS
    found = await asyncio.to_thread(select, DEFAULT_TENANT, MATCHERS, now_ms - RING_SECONDS * 1000, now_ms)
    ends = pairwise(found.offsets.tolist())
    feed.recall(
        recalled(
            (decode_labels(key), found.times[start:end].tolist(), found.values[start:end].tolist())
            for key, (start, end) in zip(found.keys, ends, strict=True)
        )
    )


def host_facts(place: Place | None = None) -> HostFacts:
    """Say what this machine is, once."""
    place = place or Place()
    system = place.uname()
    boot = {name: value for name, _, value in counters(read_once(f"{place.proc}/stat"))}.get("node_boot_time_seconds")
    return HostFacts(
        name=system.nodename or "localhost",
        system=f"{system.sysname} {system.release} {system.machine}",
        boot_ms=int(boot * 1000) if boot else None,
    )
