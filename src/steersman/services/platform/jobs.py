"""The probes: how late the event loop is, and how far the journal has come."""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Context
from steersman.services.platform.model import PlatformState
from steersman.services.platform.store import journal_head

_PROBE_SECONDS = 1.0
#: The worst lag is forgotten by half within about a minute, so that one bad second does not look bad for ever.
_FADE = 0.99
_JOURNAL_SECONDS = 15.0


async def watch_loop(context: Context) -> None:
    """Measure how much later than asked a sleep ends."""
    state: PlatformState = context.state
    clock = context.ports.clock
    while True:
        asked = clock.monotonic()
        await clock.sleep(_PROBE_SECONDS)
        state.loop_lag_seconds = max(0.0, clock.monotonic() - asked - _PROBE_SECONDS)
        state.worst_lag_seconds = max(state.loop_lag_seconds, state.worst_lag_seconds * _FADE)


async def watch_journal(context: Context) -> None:
    """Keep the number of the newest entry, so that measuring does not have to ask the database."""
    state: PlatformState = context.state
    while True:
        state.journal_head = await asyncio.to_thread(journal_head, context.ports.database)
        await context.ports.clock.sleep(_JOURNAL_SECONDS)
