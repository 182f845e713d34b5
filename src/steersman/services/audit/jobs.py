"""Follows the journal in the background, as long as the platform runs."""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Context
from steersman.services.audit.store.watching import Patrol


async def follow(context: Context) -> None:
    """Take in what is new, and sign it when that is due. A stretch that was full is followed by the next at once."""
    patrol: Patrol = context.state
    while True:
        if not await asyncio.to_thread(patrol.log.follow):
            await context.ports.clock.sleep(patrol.log.settings.interval_seconds)
