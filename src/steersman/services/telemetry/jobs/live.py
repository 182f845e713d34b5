"""Keeps the live page's ring filled: often while somebody watches, seldom otherwise.

Reads in a thread, because a file system that hangs must not hang the event loop. What it reads goes to the page
only; the series of this machine come from the host collector.
"""

from __future__ import annotations

import asyncio
import os
import platform

from steersman.contract.ports import Clock
from steersman.services.telemetry.jobs.machine import Machine
from steersman.services.telemetry.logic.live import Feed, HostFacts

#: The shortest wait between two looks, and so how soon the first reading follows a first watcher.
_TICK_SECONDS = 1.0
_NS_PER_MS = 1_000_000


async def fill(feed: Feed, machine: Machine, clock: Clock) -> None:
    """Look at the machine whenever the feed wants it, for ever."""
    while True:
        now_ns = clock.wall_ns()
        if feed.due(now_ns // _NS_PER_MS):
            feed.look(await asyncio.to_thread(machine.look, now_ns))
        await clock.sleep(_TICK_SECONDS)


def host_facts(machine: Machine) -> HostFacts:
    """Say what this machine is, once."""
    system = os.uname()
    return HostFacts(
        name=system.nodename or "localhost",
        system=f"{platform.system()} {system.release} {system.machine}",
        cores=0,
        memory_total=0,
        boot_ms=0,
    )
