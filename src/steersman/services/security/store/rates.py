"""Leases of requests, and counts of failed sign-ins, in the control database: one short transaction for a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Float, MetaData, String, Table, bindparam, delete, select, text, update

from steersman.contract.ports import Clock, Database
from steersman.runtime.http.rates import Lease
from steersman.runtime.identity.failures import FORGET_SECONDS, MOST_COUNTED, Change
from steersman.services.security.logic.rates import faded, granted

rates = Table(
    "security_rates", MetaData(), Column("key", String(200), primary_key=True), Column("used_until_ms", Float)
)

_FIRST = text("INSERT INTO security_rates (key, used_until_ms) VALUES (:key, 0) ON CONFLICT DO NOTHING")

_AGAIN = update(rates).where(rates.c.key == bindparam("of")).values(used_until_ms=bindparam("until"))


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

    def failed(self, changes: Mapping[str, Change]) -> Mapping[str, float]:
        """Add failures to what all processes counted, and return the counts. Blocks."""
        now, keys = self.clock.wall_ns() / 1e6, sorted(changes)
        counts, rows = {}, []
        with self.database.transaction() as transaction:
            # In one order everywhere, so that two who add at once wait for each other and never in a circle.
            transaction.execute(_FIRST, [{"key": key} for key in keys])
            query = select(rates).where(rates.c.key.in_(keys)).order_by(rates.c.key).with_for_update()
            for key, before in transaction.execute(query).all():
                change = changes[key]
                since = 0.0 if change.cleared else before
                each = FORGET_SECONDS * 1000
                until, counts[key] = faded(since, now, added=change.added, each_ms=each, most=MOST_COUNTED)
                rows.append({"of": key, "until": until})
            transaction.execute(_AGAIN, rows)
        return counts

    def tidy(self) -> None:
        """Forget who has not asked for a while."""
        with self.database.transaction() as transaction:
            transaction.execute(delete(rates).where(rates.c.used_until_ms < self.clock.wall_ns() / 1e6 - 60_000))
