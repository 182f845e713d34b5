"""Journals facts that stand for themselves, many callers in one transaction, so that one sync serves all of them.

A change and the entry about it belong into one transaction: that is `Journal.append`. A refused login or a blocked
request changes nothing else, and there may be thousands a second of them. Whoever comes while a commit is under way
waits for the next one; nobody is told that an entry is kept before it is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from steersman.contract.storable import storable_entry
from steersman.model.errors import Conflict, Temporary

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.ports import Database, JournalEntry


class Appends(Protocol):
    """The half of the journal that writes in a transaction."""

    def append(self, transaction: Connection, entries: Sequence[JournalEntry]) -> None: ...


@dataclass(slots=True, eq=False)
class _Wish:
    """One caller's entries; once `settled` is set, they are kept, or `failure` says why they are not."""

    entries: list[JournalEntry]
    settle: Callable[[], None]
    kept: bool = False
    failure: Exception | None = None

    def outcome(self) -> None:
        """Return when the entries are kept, or raise why they are not."""
        if not self.kept:
            raise self.failure or Temporary("the journal was interrupted before it kept this")


class GroupCommit:
    """Blocks each caller until its entries are on the disk. Any thread may call it, except inside a transaction."""

    def __init__(self, database: Database, journal: Appends) -> None:
        self._database = database
        self._journal = journal
        self._joining = threading.Lock()
        self._committing = threading.Lock()
        self._waiting: list[_Wish] = []
        # One commits, and the next one waits for it already.
        self._leaders = ThreadPoolExecutor(2, "journal")

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Journal facts durably; returns when they are.

        Raises `InvalidInput` and `Conflict` for the caller's own entries only, as the journal does, and `Temporary`
        when the database is away: then none of them is kept.
        """
        settled = threading.Event()
        wish = _Wish([storable_entry(entry) for entry in entries], settled.set)
        if self._joins(wish):
            self._lead()
        settled.wait()
        wish.outcome()

    async def recorded(self, entries: Sequence[JournalEntry]) -> None:
        """Do what `record` does on an event loop: thousands may wait, and one thread commits for all of them."""
        loop, settled = asyncio.get_running_loop(), asyncio.Event()

        def settle() -> None:
            # A loop that was closed meanwhile has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settled.set)

        wish = _Wish([storable_entry(entry) for entry in entries], settle)
        if self._joins(wish):
            # Others rely on who leads, so that a caller who gives up must not take it along.
            self._leaders.submit(self._lead)
        await settled.wait()
        wish.outcome()

    def _joins(self, wish: _Wish) -> bool:
        """Let somebody wait for the next commit; tell whether they are the first, who has to lead it."""
        with self._joining:
            self._waiting.append(wish)
            return len(self._waiting) == 1

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
                    wish.settle()

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
