"""What has to happen now and then: refusals go to the journal, other processes are listened to, and things get old."""

from __future__ import annotations

from anyio.to_thread import run_sync

from steersman.contract.ports import Context, JournalEntry
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.identity import sessions
from steersman.runtime.identity.identity import Identity

_FLUSH_SECONDS, _TIDY_SECONDS = 1.0, 3600.0


async def write_refusals(ctx: Context) -> None:
    """Write what was refused since, and forget whom other processes took something away from, every second."""
    identity = ctx.ports.get(Identity)
    while True:
        await run_sync(identity.evidence.flush)
        await run_sync(identity.retractions.catch_up)
        await ctx.ports.clock.sleep(_FLUSH_SECONDS)


async def tidy(ctx: Context) -> None:
    """Once an hour: a new signing key where the old one is due, and away with what has expired."""
    while True:
        await run_sync(_tidy_once, ctx)
        await ctx.ports.clock.sleep(_TIDY_SECONDS)


def _tidy_once(ctx: Context) -> None:
    ports, identity = ctx.ports, ctx.ports.get(Identity)
    rotated = identity.ring.rotate_when_due(identity.now_ms() // 1000, identity.settings.signing_key_days)
    with ports.database.transaction() as transaction:
        sessions.tidy(transaction, identity.now_ms())
        if rotated:
            kid = identity.ring.ring.keys[0].kid
            entry = JournalEntry(
                ports.ids.new(), ports.clock.wall_ns(), DEFAULT_TENANT, "steersman", "identity.keys.rotated", kid
            )
            ports.journal.append(transaction, [entry])
