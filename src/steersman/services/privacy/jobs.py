"""Finishes what a kill interrupted, and deletes what is over."""

from __future__ import annotations

import asyncio

import structlog

from steersman.contract.ports import Context
from steersman.runtime.masking import PrivacySettings
from steersman.services.privacy.store import persons, requests
from steersman.services.privacy.store.accounts import delete_old_sessions

_log = structlog.get_logger(__name__)
_EVERY_SECONDS = 3600.0
_AT_ONCE = 500
_DAY_MS = 86_400_000


async def resume(context: Context) -> None:
    """Go on with every erasure that was asked for and is not done."""
    for request, one, done in await asyncio.to_thread(requests.unfinished, context):
        await asyncio.to_thread(persons.erase, context, request, one, done)
        _log.info("an interrupted erasure is done", request=request)


async def retain(context: Context) -> None:
    """Delete old sessions once an hour, a few at a time, so that nobody waits for it."""
    days = context.ports.settings.section(PrivacySettings).sessions_days
    while True:
        before_ms = context.ports.clock.wall_ns() // 1_000_000 - round(days * _DAY_MS)
        while await asyncio.to_thread(delete_old_sessions, context, before_ms, _AT_ONCE) == _AT_ONCE:
            await context.ports.clock.sleep(0.1)
        await context.ports.clock.sleep(_EVERY_SECONDS)
