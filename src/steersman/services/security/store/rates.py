"""Leases of requests out of the control database: one short transaction for a batch, whichever process asks."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Float, MetaData, String, Table, delete, select, text, update

from steersman.contract.ports import Clock, Database
from steersman.runtime.http.rates import Lease
from steersman.services.security.logic.rates import granted

rates = Table(
    "security_rates", MetaData(), Column("key", String(200), primary_key=True), Column("used_until_ms", Float)
)

_FIRST = text("INSERT INTO security_rates (key, used_until_ms) VALUES (:key, 0) ON CONFLICT DO NOTHING")


@dataclass(frozen=True, slots=True)
class SharedRates:
    """What all processes of one database count together."""

    database: Database
    clock: Clock

    def lease(self, key: str, limit: int, wanted: int) -> Lease:
        """Grant as many requests as there is room for, at most `wanted`. Blocks."""
        now = self.clock.wall_ns() / 1e6
        with self.database.transaction() as transaction:
            transaction.execute(_FIRST, {"key": key})
            mine = rates.c.key == key
            used = transaction.execute(select(rates.c.used_until_ms).where(mine).with_for_update()).scalar_one()
            # A clock that was set back must not refuse anybody for longer than a minute.
            until, count, wait = granted(min(used, now + 60_000), now, limit, wanted)
            transaction.execute(update(rates).where(mine).values(used_until_ms=until))
        return Lease(count, wait)

    def tidy(self) -> None:
        """Forget who has not asked for a while."""
        with self.database.transaction() as transaction:
            transaction.execute(delete(rates).where(rates.c.used_until_ms < self.clock.wall_ns() / 1e6 - 60_000))
