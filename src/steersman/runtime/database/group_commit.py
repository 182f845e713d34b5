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
from steersman.model.errors import Conflict, InvalidInput, Temporary

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.ports import Database, JournalEntry


#: A sync of a good disk takes as long.
_MOMENT_SECONDS = 0.001


class Appends(Protocol):
    """The half of the journal that writes in a transaction."""

    def append(self, transaction: Connection, entries: Sequence[JournalEntry]) -> None: ...


@dataclass(slots=True, eq=False)
class _Wish:
    """One caller's entries; once it is settled, they are kept, or `failure` says why they are not."""

    entries: list[JournalEntry]
    settle: Callable[[], None]
    #: Where `settle` has to be called, when that is not the thread of whoever commits.
    loop: asyncio.AbstractEventLoop | None = None
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
        # How many came the last time, how many whoever leads is waiting for, and what it waits on.
        self._usual, self._expected = 1, 0
        self._enough = threading.Lock()
        self._enough.acquire()
        # One commits, and the next one waits for it already.
        self._leaders = ThreadPoolExecutor(2, "journal")

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Journal facts durably; returns when they are.

        Raises `InvalidInput` and `Conflict` for the caller's own entries only, as the journal does, and `Temporary`
        when the database is away: then none of them is kept.
        """
        # A plain lock, which whoever commits lets go of: a tenth of the cost of an event, and there is one per record.
        settled = threading.Lock()
        settled.acquire()
        wish = _Wish([storable_entry(entry) for entry in entries], settled.release)
        if self._joins(wish):
            self._lead()
        settled.acquire()
        wish.outcome()

    async def recorded(self, entries: Sequence[JournalEntry]) -> None:
        """Do what `record` does on an event loop: thousands may wait, and one thread commits for all of them."""
        loop = asyncio.get_running_loop()
        settled = loop.create_future()

        def settle() -> None:
            # A caller who gave up has cancelled it.
            if not settled.done():
                settled.set_result(None)

        wish = _Wish([storable_entry(entry) for entry in entries], settle, loop)
        if self._joins(wish):
            # Others rely on who leads, so that a caller who gives up must not take it along.
            self._leaders.submit(self._lead)
        await settled
        wish.outcome()

    def _joins(self, wish: _Wish) -> bool:
        """Let somebody wait for the next commit; tell whether they are the first, who has to lead it."""
        with self._joining:
            self._waiting.append(wish)
            if len(self._waiting) == self._expected:
                self._expected = 0
                self._enough.release()
            return len(self._waiting) == 1

    def _lead(self) -> None:
        """Commit for everybody who has come by the time that the commit before is done."""
        with self._committing:
            group = self._gathered()
            try:
                self._commit(group)
                if len(group) > 1 and isinstance(group[0].failure, Conflict | InvalidInput):
                    # One of them holds an id that is there already, or what cannot be kept: each on its own, so that
                    # only that one fails.
                    for wish in group:
                        self._commit([wish])
            finally:
                _settle(group)

    def _gathered(self) -> list[_Wish]:
        """Take who has come, after a moment for as many as there were the last time.

        They have just been told and are on their way back; without the moment the first ones commit alone, and each
        commit costs as much as forty entries. A caller without company waits for nobody.
        """
        with self._joining:
            missing = len(self._waiting) < self._usual
            self._expected = self._usual if missing else 0
        if missing:
            self._enough.acquire(timeout=_MOMENT_SECONDS)
        with self._joining:
            self._expected = 0
            # Whoever came last may have let go of it after the moment was over.
            self._enough.acquire(blocking=False)
            group, self._waiting = self._waiting, []
            self._usual = len(group)
        return group

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


def _settle(group: Sequence[_Wish]) -> None:
    """Let everybody go on; an event loop is called once for all of its callers."""
    loops: dict[asyncio.AbstractEventLoop, list[Callable[[], None]]] = {}
    for wish in group:
        if wish.loop is None:
            wish.settle()
        else:
            loops.setdefault(wish.loop, []).append(wish.settle)
    for loop, settles in loops.items():
        # A loop that was closed meanwhile has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_each, settles)


def _each(settles: Sequence[Callable[[], None]]) -> None:
    for settle in settles:
        settle()
