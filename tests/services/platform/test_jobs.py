"""The probes under virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Caller, Context
from steersman.runtime.process import process_figures
from steersman.services.platform.jobs import watch_loop
from steersman.services.platform.model import PlatformState


def test_a_loop_that_wakes_late_shows_its_lag(tmp_path: Path) -> None:
    """The lag is what a sleep took beyond what was asked; the worst one fades."""
    clock, state = FakeClock(), PlatformState(0.0)
    context = Context(Caller("test"), fake_ports(tmp_path, clock=clock), state)

    async def observe() -> None:
        async with asyncio.TaskGroup() as group:
            probe = group.create_task(watch_loop(context))
            await clock.advance(1.0)
            assert state.loop_lag_seconds == 0.0
            clock.tick(3.0)
            await clock.advance(0)
            assert (state.loop_lag_seconds, state.worst_lag_seconds) == (2.0, 2.0)
            await clock.advance(1.0)
            assert (state.loop_lag_seconds, state.worst_lag_seconds) == (0.0, 1.98)
            probe.cancel()

    asyncio.run(observe())


def test_the_process_tells_what_it_uses() -> None:
    """The kernel's accounts are plausible: this very process, started after the machine."""
    figures = process_figures()
    assert figures.cpu_seconds > 0
    assert figures.resident_bytes > 1_000_000
    assert 3 <= figures.open_descriptors <= figures.descriptor_limit
    assert figures.started_at > 1_500_000_000
