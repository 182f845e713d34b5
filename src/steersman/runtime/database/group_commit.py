"""Journals facts that stand for themselves, many callers in one transaction, so that one sync serves all of them.

A change and the entry about it belong into one transaction: that is `Journal.append`. A refused login or a blocked
request changes nothing else, and there may be thousands a second of them. Whoever comes while a commit is under way
waits for the next one; nobody is told that an entry is kept before it is.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from steersman.contract.storable import storable_entry
from steersman.model.errors import Conflict, Temporary

if TYPE_CHECKING:
    from steersman.contract.ports import Database, Journal, JournalEntry


@dataclass(slots=True, eq=False)
class _Wish:
    """One caller's entries; once `settled` is set, they are kept, or `failure` says why they are not."""

    entries: list[JournalEntry]
    settled: threading.Event = field(default_factory=threading.Event)
    kept: bool = False
    failure: Exception | None = None


class GroupCommit:
    """Blocks each caller until its entries are on the disk. Any thread may call it, except inside a transaction."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._joining = threading.Lock()
        self._committing = threading.Lock()
        self._waiting: list[_Wish] = []

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Journal facts durably; returns when they are.

        Raises `InvalidInput` and `Conflict` for the caller's own entries only, as the journal does, and `Temporary`
        when the database is away: then none of them is kept.
        """
        wish = _Wish([storable_entry(entry) for entry in entries])
        with self._joining:
            leads = not self._waiting
            self._waiting.append(wish)
        if leads:
            self._lead()
        wish.settled.wait()
        if not wish.kept:
            raise wish.failure or Temporary("the journal was interrupted before it kept this")

    def _lead(self) -> None:
        """Commit for everybody who has come by the time that the commit before is done."""
        with self._committing:
            with self._joining:
                group, self._waiting = self._waiting, []
            try:
                self._commit(group)
                if any(isinstance(wish.failure, Conflict) for wish in group):
                    # One of them holds an id that is there already: each on its own, so that only that one fails.
                    for wish in group:
                        self._commit([wish])
            finally:
                for wish in group:
                    wish.settled.set()

    def _commit(self, group: Sequence[_Wish]) -> None:
        try:
            with self._database.transaction() as transaction:
                self._journal.append(transaction, [entry for wish in group for entry in wish.entries])
        except Exception as failure:  # noqa: BLE001 - every caller of the group gets it raised, whatever it is
            for wish in group:
                wish.failure = failure
        else:
            for wish in group:
                wish.kept = True
