"""Keeps the live page's ring filled: often while somebody watches, seldom otherwise.

Reads in a thread, because a file system that hangs must not hang the event loop. What it reads goes to the page
only; the series of this machine come from the host collector.
"""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Clock
from steersman.services.telemetry.jobs.files import read_once
from steersman.services.telemetry.jobs.machine import Machine, Place
from steersman.services.telemetry.logic.host.kernel import counters
from steersman.services.telemetry.logic.live import Feed, HostFacts

#: The shortest wait between two looks, and so how soon the first reading follows a first watcher.
_TICK_SECONDS = 1.0
_NS_PER_MS = 1_000_000


async def fill(feed: Feed, clock: Clock, place: Place | None = None) -> None:
    """Look at the machine whenever the feed wants it, for ever."""
    machine = Machine(place or Place())
    while True:
        now_ns = clock.wall_ns()
        if feed.due(now_ns // _NS_PER_MS):
            feed.look(await asyncio.to_thread(machine.look, now_ns))
        await clock.sleep(_TICK_SECONDS)


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
