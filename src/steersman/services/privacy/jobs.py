"""Carries erasures out, one after the other and again after a kill, and ends what is over.

Whoever asks for an erasure only writes it down; here it happens. One that does not go on, because a store is starting
or a hold was placed, is tried again and says why.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import structlog

from steersman.contract.ports import Caller, Context
from steersman.model.errors import SteersmanError, Temporary
from steersman.services.privacy.store import persons, requests, retention
from steersman.services.privacy.store.desk import Desk
from steersman.services.privacy.store.requests import Unfinished

_log = structlog.get_logger(__name__)
#: Another process may have written one down, or been killed in the middle of it.
_LOOK_SECONDS, _RETRY_SECONDS = 30.0, 2.0
_EVERY_SECONDS = 3600.0
_PAUSE_SECONDS = 0.1


async def erase(context: Context) -> None:
    """Do what is written down, at once when somebody asks, and again in a moment what did not go on."""
    desk: Desk = context.state
    while True:
        desk.wanted.clear()
        left = False
        for waiting in await asyncio.to_thread(requests.unfinished, context):
            left |= not await asyncio.to_thread(_go_on, context, waiting)
            desk.tell()
        with suppress(TimeoutError):
            await asyncio.wait_for(desk.wanted.wait(), _RETRY_SECONDS if left else _LOOK_SECONDS)


def _go_on(context: Context, waiting: Unfinished) -> bool:
    """Go on in the name of whoever asked, within the tenant of the person; tell whether it is done."""
    caller = Caller(waiting.asked_by, waiting.one.tenant, frozenset({"*"}))
    try:
        persons.erase(replace(context, caller=caller), waiting.request, waiting.one, waiting.done)
    except Exception as error:  # noqa: BLE001 - one kind that fails must not keep the erasures of others from happening
        why = error.message if isinstance(error, SteersmanError) else type(error).__name__
        if requests.note_trouble(context, waiting.request, why):
            # Without the error itself: what a database quotes in it may be the very name that is to go.
            _log.warning("an erasure does not go on", request=waiting.request, reason=why)
        return False
    return True


async def retain(context: Context) -> None:
    """End what is over once an hour, a few at a time, so that nobody waits for it."""
    clock = context.ports.clock
    began = clock.wall_ns(), clock.monotonic()
    while True:
        # A wall clock that is set ahead while this runs ends nothing.
        passed_ns = round((clock.monotonic() - began[1]) * 1e9)
        now_ms = min(clock.wall_ns(), began[0] + passed_ns) // 1_000_000
        later = [one for one in retention.periods(context) if not await _ended(context, one, now_ms)]
        await clock.sleep(_RETRY_SECONDS if later else _EVERY_SECONDS)


async def _ended(context: Context, one: retention.Period, now_ms: int) -> bool:
    """End one kind; False where its service has not started yet. One that fails waits for the next hour, alone."""
    try:
        await _end(context, one, now_ms)
    except Temporary:
        return False
    except Exception as error:  # noqa: BLE001 - a kind that fails must not keep the others from ending
        _log.error("the retention of one kind of data failed", kind=one.name, reason=type(error).__name__)
    return True


async def _end(context: Context, one: retention.Period, now_ms: int) -> None:
    total = 0
    while count := await asyncio.to_thread(retention.apply_once, context, one, now_ms):
        total += count
        if count < retention.AT_ONCE:
            break
        await context.ports.clock.sleep(_PAUSE_SECONDS)
    if total:
        await asyncio.to_thread(retention.note, context, one, total)
