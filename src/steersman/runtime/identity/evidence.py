"""What the journal is told about tokens and sign-ins.

Who may sign in is flooded with wrong tokens by anybody, and must not be able to fill the journal. So refusals are noted
in memory, each kind within its own allowance, and written together a moment later; the next entry says how many of its
kind were left out. What changes something is written in the transaction of that change and never here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select

from steersman.contract.ports import Clock, Database, Ids, Journal, JournalEntry
from steersman.model.errors import Temporary
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.identity import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

_log = structlog.get_logger(__name__)

#: Of each type of refusal so many in a row, then one every ten seconds.
_BURST, _PER_SECOND = 60.0, 0.1
_NOBODY = "nobody"


class AccountNames:
    """Tells the journal whose name that is, so that it can keep the id instead; of anybody else it knows nothing."""

    def ids(self, connection: Connection, known: Iterable[str]) -> dict[str, str]:
        wanted = list(known)
        if not wanted:
            return {}
        query = select(tables.accounts.c.name, tables.accounts.c.id).where(tables.accounts.c.name.in_(wanted))
        return {row.name: row.id for row in connection.execute(query)}

    def names(self, connection: Connection, ids: Iterable[str]) -> dict[str, str]:
        wanted = list(ids)
        if not wanted:
            return {}
        query = select(tables.accounts.c.name, tables.accounts.c.id).where(tables.accounts.c.id.in_(wanted))
        return {row.id: row.name for row in connection.execute(query)}


@dataclass(slots=True)
class _Allowance:
    left: float = _BURST
    at: float = 0.0
    left_out: int = 0


@dataclass(slots=True)
class Evidence:
    """Notes refusals from any thread; `flush` writes them."""

    clock: Clock
    ids: Ids
    database: Database
    journal: Journal
    _allowances: dict[str, _Allowance] = field(default_factory=dict)
    _waiting: deque[JournalEntry] = field(default_factory=lambda: deque(maxlen=1000))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, type: str, subject: str, payload: Mapping[str, Any], tenant: Tenant = DEFAULT_TENANT) -> None:
        """Note a refusal, unless its kind has used up its allowance."""
        with self._lock:
            allowance = self._allowed(type)
            if allowance.left < 1:
                allowance.left_out += 1
                return
            allowance.left -= 1
            told = {**payload, "left_out": allowance.left_out} if allowance.left_out else dict(payload)
            allowance.left_out = 0
            entry = JournalEntry(self.ids.new(), self.clock.wall_ns(), tenant, _NOBODY, type, subject, told)
            self._waiting.append(entry)

    def _allowed(self, type: str) -> _Allowance:
        now = self.clock.monotonic()
        allowance = self._allowances.setdefault(type, _Allowance(at=now))
        allowance.left = min(_BURST, allowance.left + (now - allowance.at) * _PER_SECOND)
        allowance.at = now
        return allowance

    def flush(self) -> None:
        """Write what was noted. While the database is away it stays noted, the newest thousand of it."""
        with self._lock:
            entries = list(self._waiting)
            self._waiting.clear()
        if not entries:
            return
        try:
            self.journal.record(entries)
        except Temporary as error:
            _log.warning("refusals are not in the journal yet", reason=error.message, entries=len(entries))
            with self._lock:
                self._waiting.extendleft(reversed(entries))
