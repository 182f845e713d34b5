"""Renews in the background what older keys sealed, in small steps, for as long as something is left."""

from __future__ import annotations

import asyncio

from steersman.contract.ports import Context
from steersman.runtime.keys.renewal import Renewal
from steersman.services.secrets.store.safe import Safe

#: How soon a rotation that somebody began is noticed, and how often everything is scanned without one.
_EVERY_SECONDS, _SCAN_EVERY = 1.0, 3600


async def renew(context: Context) -> None:
    """Renew, scan and retire; then wait. A kill anywhere in it is continued by the next start."""
    safe: Safe = context.state
    renewal, rounds = Renewal(safe.ring, context.ports.database), 0
    while True:
        if rounds % _SCAN_EVERY == 0 or await asyncio.to_thread(_is_waiting, safe):
            while await asyncio.to_thread(renewal.step):
                pass
            await asyncio.to_thread(safe.settled, context.caller, renewal)
        rounds += 1
        await context.ports.clock.sleep(_EVERY_SECONDS)


def _is_waiting(safe: Safe) -> bool:
    safe.ring.reread()
    return any(key.state == "previous" for key in safe.ring.ring.keys)
