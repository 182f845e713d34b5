"""Renews what older keys sealed, a few rows at a time, while others read and write; and counts what is left.

Each row is compared before it is written: whoever changed it meanwhile has sealed it anew already. Nothing is
remembered between two steps but the place reached, so a kill costs the step that it met. A key is retired by a scan of
every marked column, never by the belief that renewal has come to an end.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary, column, select, table, update

from steersman.contract.ports import Database
from steersman.model.errors import Permanent
from steersman.runtime.keys.keyring import KeyRing, Marked
from steersman.runtime.keys.ring import State

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, TableClause

_BATCH = 50
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is. `unfinished` is whether an older key still has a reader."""

    active: str
    sealed: int
    left: int
    unfinished: bool


@dataclass(slots=True)
class Renewal:
    """One pass over all marked columns, again and again until nothing is left."""

    ring: KeyRing
    database: Database
    unreadable: set[tuple[str, str, str]] = field(default_factory=set)
    _reached: dict[tuple[str, str], str] = field(default_factory=dict)

    def step(self) -> bool:
        """Renew one batch in one transaction; returns False once the pass has seen every row."""
        for name, marked in sorted(self.ring.marked.items()):
            if (last := self._batch(marked, self._reached.get(name, ""))) is not None:
                self._reached[name] = last
                return True
        self._reached.clear()
        return False

    def run(self) -> Progress:
        """Renew everything, retire what nothing refers to any more, and tell how it stands."""
        while self.step():
            pass
        return self.settle()

    def settle(self) -> Progress:
        """Scan every marked column, and let the states of the keys follow from what was found."""
        self.ring.reread()
        with self.database.reading() as connection:
            found = used_keys(self.ring, connection)
        states = {key.id: key.state for key in self.ring.ring.keys}
        self.ring.revive(frozenset(name for name in found if states.get(name) is State.RETIRED))
        if "" not in found:
            unused = {name for name, state in states.items() if state is State.PREVIOUS and name not in found}
            self.ring.retire(frozenset(unused))
        return progress(self.ring, found)

    def _batch(self, marked: Marked, after: str) -> str | None:
        """Renew what is old among the next rows; returns the last row seen, or None behind the end."""
        source, row, sealed = _columns(marked)
        query = select(row, sealed).where(row > after, sealed.is_not(None)).order_by(row).limit(_BATCH)
        self.ring.reread()
        active = self.ring.ring.active.id
        with self.database.reading() as connection:
            rows = [(found[0], bytes(found[1])) for found in connection.execute(query)]
        old = [(name, value) for name, value in rows if marked.key_of(value) != active]
        renewed = [(name, value, anew) for name, value in old if (anew := self._renewed(marked, name, value))]
        if renewed:
            with self.database.transaction() as transaction:
                for name, value, anew in renewed:
                    transaction.execute(update(source).where(row == name, sealed == value).values({sealed: anew}))
        return rows[-1][0] if rows else None

    def _renewed(self, marked: Marked, row: str, value: bytes) -> bytes | None:
        """Seal one value anew. One that does not open keeps its key from being retired, and holds up nobody else."""
        try:
            return marked.seal(row, marked.open(row, value))
        except Permanent as error:
            if (place := (marked.table, marked.column, row)) not in self.unreadable:
                self.unreadable.add(place)
                _LOG.error("a sealed value cannot be renewed", extra={"place": ".".join(place), "why": error.message})
            return None


def used_keys(ring: KeyRing, connection: Connection) -> Counter[str]:
    """Return how many values refer to each key; those of a layout before the ring stand under an empty name."""
    found: Counter[str] = Counter()
    for marked in ring.marked.values():
        _source, _row, sealed = _columns(marked)
        for (value,) in connection.execute(select(sealed).where(sealed.is_not(None))):
            found[marked.key_of(bytes(value))] += 1
    return found


def progress(ring: KeyRing, found: Counter[str]) -> Progress:
    """Return how it stands, from a count of what refers to which key."""
    active = ring.ring.active.id
    waiting = any(key.state is State.PREVIOUS for key in ring.ring.keys)
    return Progress(active, found.total(), found.total() - found[active], waiting or found.total() > found[active])


def _columns(marked: Marked) -> tuple[TableClause, ColumnElement[str], ColumnElement[bytes]]:
    source = table(marked.table, column(marked.row_column), column(marked.column, LargeBinary))
    return source, source.c[marked.row_column], source.c[marked.column]
