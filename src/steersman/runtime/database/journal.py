"""The one append-only journal in the control database.

A reader keeps the last `seq` as its cursor, so entries must become visible in the order of `seq`. SQLite has one
writer at a time; on PostgreSQL an append holds a lock until its transaction ends, or a transaction that took a low
number and commits late would be skipped. Append as the last step of a transaction: others wait from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, String, Table, Text, select, text
from sqlalchemy.exc import IntegrityError

from steersman.contract.ports import JournalEntry
from steersman.contract.storable import checked_limit, storable_entry
from steersman.model.errors import Conflict
from steersman.model.ids import Id, Tenant
from steersman.runtime.database.engine import as_json
from steersman.runtime.database.group_commit import GroupCommit
from steersman.runtime.database.rows import insert_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from steersman.contract.ports import Database

#: Any fixed number that nothing else locks on.
_APPEND_LOCK = 0x57EE_0002

journal = Table(
    "journal",
    MetaData(),
    Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("cause", String(36)),
)
#: What an entry brings along, in the order of `_row`; its number comes from the database.
_COLUMNS = ("id", "time_ns", "tenant", "actor", "type", "subject", "payload", "cause")


class Discretion(Protocol):
    """Takes out of entries what must not be kept in the clear."""

    def hidden(self, transaction: Connection, entries: Sequence[JournalEntry]) -> list[JournalEntry]: ...


@dataclass(frozen=True, slots=True)
class _Ledger:
    """Writes entries that were found storable already."""

    discretion: Discretion | None

    def append(self, transaction: Connection, entries: Sequence[JournalEntry]) -> None:
        if transaction.dialect.name == "postgresql":
            transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _APPEND_LOCK})
        if self.discretion is not None:
            entries = self.discretion.hidden(transaction, entries)
        try:
            insert_rows(transaction, journal.name, _COLUMNS, [_row(entry) for entry in entries])
        except IntegrityError as error:
            raise Conflict("the journal already holds an entry with this id") from error


class SqlJournal:
    """The Journal port over the table `journal`; with `discretion`, persons stand in it without their names."""

    def __init__(self, database: Database, discretion: Discretion | None = None) -> None:
        self._database = database
        self._ledger = _Ledger(discretion)
        # It finds entries storable itself, before they join a group.
        self._group = GroupCommit(database, self._ledger)

    def append(self, transaction: Connection, entries: Sequence[JournalEntry]) -> None:
        """Record facts in the caller's transaction.

        Raises `InvalidInput` for an entry that cannot be stored on every database and `Conflict` for an id that is
        already there; `seq` of the given entries is ignored.
        """
        if entries:
            self._ledger.append(transaction, [storable_entry(entry) for entry in entries])

    def read(self, *, after: int = 0, limit: int = 100, tenant: Tenant | None = None) -> list[JournalEntry]:
        """Return up to `limit` entries with `seq > after`, oldest first."""
        query = select(journal).where(journal.c.seq > after).order_by(journal.c.seq).limit(checked_limit(limit))
        if tenant is not None:
            query = query.where(journal.c.tenant == tenant)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Keep facts that stand for themselves, in one transaction with those of other callers. Blocks."""
        self._group.record(entries)

    async def recorded(self, entries: Sequence[JournalEntry]) -> None:
        """Do what `record` does without holding up the event loop."""
        await self._group.recorded(entries)


def _row(entry: JournalEntry) -> tuple[Any, ...]:
    return (
        entry.id,
        entry.time_ns,
        entry.tenant,
        entry.actor,
        entry.type,
        entry.subject,
        as_json(entry.payload),
        entry.cause,
    )


def _entry(row: Row[Any]) -> JournalEntry:
    return JournalEntry(
        id=Id(row.id),
        time_ns=row.time_ns,
        tenant=Tenant(row.tenant),
        actor=row.actor,
        type=row.type,
        subject=row.subject,
        payload=row.payload,
        cause=None if row.cause is None else Id(row.cause),
        seq=row.seq,
    )
