"""Looks at every component every few minutes, on a thread, for at most one part in fifty of the time."""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Context
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.maintenance.store.looking import MaintenanceState, look

_SHARE_OF_TIME = 50
#: The first look waits until what starts has started, and until the capacity slice has had its own.
_FIRST_SECONDS = 25.0
_STARTING_SECONDS = 1.0


async def watch(ctx: Context) -> None:
    """Look until the platform stops."""
    state: MaintenanceState = ctx.state
    clock, store = ctx.ports.clock, ctx.ports.get(TelemetryStore)
    await clock.sleep(_FIRST_SECONDS)
    while True:
        if not store.ready:
            await clock.sleep(_STARTING_SECONDS)
            continue
        await asyncio.to_thread(look, ctx)
        await clock.sleep(max(state.settings.interval_seconds, state.shown.seconds * _SHARE_OF_TIME))
