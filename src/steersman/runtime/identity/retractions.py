"""Tells the other processes on a database what was taken away from callers: a session, a key, a role, an account.

What the door remembers of a caller would be true for another 25 seconds there. So whoever takes something away says so
in the same transaction, under the next version, and each process asks for the version once a second, off the path of
any request, and forgets what the newer ones name. Versions are given out under the lock of one row, so that none is
committed before an earlier one and skipped. While the database is away nobody hears of anything, and the 25 seconds are
what holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from steersman.contract.ports import Caller, Database
from steersman.model.errors import Temporary
from steersman.runtime.identity.tables import retractions, version

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Whoever is further behind than this forgets everybody, which is right as well.
_KEPT = 500


class About(StrEnum):
    """Whose admission a retraction is about."""

    ACCOUNT = "account"
    SESSION = "session"
    KEY = "key"
    TENANT = "tenant"
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Retraction:
    """Something was taken away from whom this reaches."""

    about: About
    of: str = ""

    def reaches(self, caller: Caller) -> bool:
        match self.about:
            case About.ACCOUNT:
                return caller.account == self.of
            case About.SESSION:
                return caller.session == self.of
            case About.KEY:
                return caller.key == self.of
            case About.TENANT:
                return caller.tenant == self.of
        return True


def retract(transaction: Connection, *taken: Retraction) -> None:
    """Note, in the transaction that takes something away, from whom; the others hear of it once that is committed."""
    if not taken:
        return
    transaction.execute(update(version).values(value=version.c.value + 1))
    now = transaction.execute(select(version.c.value)).scalar_one()
    rows = [{"version": now, "number": n, "about": one.about.value, "of": one.of} for n, one in enumerate(taken)]
    transaction.execute(insert(retractions), rows)
    transaction.execute(delete(retractions).where(retractions.c.version <= now - _KEPT))


class Retractions:
    """What this process has heard so far. `catch_up` blocks, and one thread at a time calls it."""

    def __init__(self, database: Database, forget: Callable[[Callable[[Caller], bool]], None]) -> None:
        self._database = database
        self._forget = forget
        with database.reading() as connection:
            self._heard: int = connection.execute(select(version.c.value)).scalar_one()

    def catch_up(self) -> None:
        """Forget whom the retractions since then name; while the database is away, do nothing."""
        try:
            newest, taken = self._since()
        except Temporary:
            return
        if newest == self._heard:
            return
        self._forget(lambda caller: any(one.reaches(caller) for one in taken))
        self._heard = newest

    def _since(self) -> tuple[int, list[Retraction]]:
        with self._database.reading() as connection:
            newest: int = connection.execute(select(version.c.value)).scalar_one()
            if newest == self._heard:
                return newest, []
            if newest - self._heard >= _KEPT or newest < self._heard:
                # Too far behind, or a backup was put in place: what is remembered may be wrong about anybody.
                return newest, [Retraction(About.EVERYBODY)]
            query = select(retractions.c.about, retractions.c.of).where(retractions.c.version > self._heard)
            return newest, [Retraction(About(row.about), row.of) for row in connection.execute(query)]
