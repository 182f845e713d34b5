"""The tree as it grows: follows the journal by its cursor, keeps leaves and tiles, and signs checkpoints.

What was stored is the truth, also for another process on the same database: memory only saves reading it again. A
signature leaves this module after the transaction that stores it, so a kill at any moment leaves either nothing or a
checkpoint that everybody will see, and no size is ever signed twice.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steersman.engine.audit.checkpoint import Note, NoteKey
from steersman.engine.audit.proofs import root_of
from steersman.engine.audit.succession import parse_succession
from steersman.engine.audit.tree import Frontier, frontier_at, grow
from steersman.model.errors import InvalidInput, Permanent
from steersman.runtime.keyfile import IN_THE_CLEAR, KeyFile
from steersman.services.audit.logic.verifying import hash_of
from steersman.services.audit.model.records import Leaf, Row
from steersman.services.audit.store import tables
from steersman.services.audit.store.chain import KeyChain, chain_of
from steersman.services.audit.store.copies import COPY_FILE, append_notes, damaged, mend
from steersman.services.audit.store.keys import ANEW, SigningKey, current, load_or_make
from steersman.services.audit.store.witness import Witness

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from steersman.contract.ports import Clock, Database
    from steersman.services.audit.model.settings import AuditSettings

#: Entries that are taken in by one transaction: others may write in between.
STRETCH = 2_000
_NS = 1_000_000_000
_NO_TREE = Frontier()


@dataclass(frozen=True, slots=True)
class Head:
    """How far the tree has come: its frontier and the number of its last entry."""

    frontier: Frontier = _NO_TREE
    seq: int = 0

    @property
    def size(self) -> int:
        return self.frontier.size


class AuditLog:
    """Grows the tree and signs it. Its methods block; any thread may call them, and one at a time gets through."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: AuditSettings,
        key: SigningKey,
        data_dir: Path,
        file: KeyFile,
    ) -> None:
        self.database = database
        self.key = key
        self.settings = settings
        self._clock = clock
        self._data_dir = data_dir
        self._file = file
        self._copy = data_dir / COPY_FILE
        self._growing = threading.Lock()
        self.head = Head()
        self.signed: Note | None = None
        self._copied = 0
        self.witness = Witness(settings.witness)

    @classmethod
    def open(
        cls, database: Database, clock: Clock, settings: AuditSettings, data_dir: Path, file: KeyFile = IN_THE_CLEAR
    ) -> AuditLog:
        """Load what is stored and check that it is what was signed.

        Raises `Permanent` with the next step where key, tables and file contradict one another.
        """
        tables.prepare(database)
        with database.reading() as connection:
            newest = next(iter(tables.newest_notes(connection, 1)), None)
            handed = tables.successions(connection)
        copied = mend(data_dir / COPY_FILE)
        if handed:
            key = current(data_dir, _in_charge(handed), file)
        else:
            key = load_or_make(data_dir, signed_before=newest is not None or copied is not None, file=file)
        log = cls(database, clock, settings, key, data_dir, file)
        with database.reading() as connection:
            log.signed = None if newest is None else log._checked(connection, newest)
            log._compare_copy(connection, copied, log._copy)
            log.head = _stored_head(connection)
            log._copied = _size(copied)
            log.witness.meet(connection, log._compare_copy)
        log._copy_new()
        log.witness.tell(database, log._copied)
        return log

    def follow(self, *, sign_now: bool = False) -> bool:
        """Take in a stretch of new entries and sign where that is due; returns whether there are more to take in."""
        with self._growing:
            head = self.head
            with self.database.reading() as connection:
                rows = tables.rows_after(connection, head.seq, STRETCH)
            new = _leaves(head, rows)
            more = len(rows) == STRETCH
            if new or self._due(head.size, self.signed, sign_now=sign_now):
                more |= not self._store(head, new, sign_now=sign_now and not more)
                self._copy_new()
            return more

    def finish(self) -> None:
        """Take in everything and sign it."""
        while self.follow(sign_now=True):
            pass

    def _store(self, head: Head, new: Sequence[Leaf], *, sign_now: bool) -> bool:
        """Store a stretch and what is signed over it; returns False where another process grew the tree meanwhile."""
        growth = grow(head.frontier, [leaf.hash for leaf in new])
        with self.database.transaction() as transaction:
            tables.hold_growth(transaction)
            self._follow_key(transaction)
            signed = self._newest(transaction)
            if not _is_at(transaction, head):
                self.head, self.signed = _further(transaction, head), signed
                return False
            tables.add_growth(transaction, new, growth.tiles)
            if self._due(growth.frontier.size, signed, sign_now=sign_now):
                signed = self.key.sign(growth.frontier.size, growth.frontier.root(), self._clock.wall_ns())
                tables.add_checkpoint(transaction, signed.checkpoint.size, signed.text())
        self.head = Head(growth.frontier, new[-1].seq if new else head.seq)
        self.signed = signed
        return True

    def _copy_new(self) -> None:
        """Append to the file what was signed since; what a full disk refused comes the next time."""
        if self.signed is None or self.signed.checkpoint.size <= self._copied:
            return
        with self.database.reading() as connection:
            missed = tables.notes_after(connection, self._copied)
        append_notes(self._copy, [note for _, note in missed])
        self._copied = missed[-1][0]
        self.witness.tell(self.database, self._copied)

    def _due(self, size: int, signed: Note | None, *, sign_now: bool) -> bool:
        """Tell whether a checkpoint of this size is to be signed now. A clock that was set back must not hold it up."""
        new = size - (0 if signed is None else signed.checkpoint.size)
        if new <= 0:
            return False
        if sign_now or signed is None or new >= self.settings.checkpoint_entries:
            return True
        return abs(self._clock.wall_ns() - signed.checkpoint.time_ns) >= self.settings.checkpoint_seconds * _NS

    def _newest(self, connection: Connection) -> Note | None:
        text = next(iter(tables.newest_notes(connection, 1)), None)
        return None if text is None else self.chain(connection).verified(text)

    def chain(self, connection: Connection) -> KeyChain:
        """Return the keys of this log; raises `InvalidInput` where what is stored does not lead to ours."""
        return chain_of(self.key.public, tables.successions(connection))

    def _follow_key(self, connection: Connection) -> None:
        """Take up the key that is in charge by now; it may have been rotated beside this process."""
        handed = tables.successions(connection)
        if handed and (wanted := _in_charge(handed)) != self.key.public:
            if wanted not in chain_of(self.key.public, handed).keys:
                raise Permanent("the signing key was handed on to one that ours did not vouch for")
            self.key = current(self._data_dir, wanted, self._file)

    def _checked(self, connection: Connection, newest: str) -> Note:
        """Return the newest checkpoint, after comparing it with the key and the tree."""
        try:
            note = self.chain(connection).verified(newest)
        except InvalidInput as error:
            raise Permanent(
                f"{error.message}: restore the key that belongs to this database from the backup of its data "
                f"directory, {ANEW}"
            ) from error
        size = note.checkpoint.size
        if root_at(connection, size) != note.checkpoint.root:
            raise Permanent(
                f"the tree over the journal does not have the root that was signed over {size} entries: somebody "
                "changed the database. Run `steersman audit verify` to see where, restore the database from a backup, "
                f"{ANEW}"
            )
        return note

    def _compare_copy(self, connection: Connection, copied: str | None, path: Path) -> None:
        """Refuse to go on where the file has a checkpoint that the database does not."""
        if copied is None:
            return
        try:
            size = self.chain(connection).verified(copied).checkpoint.size
        except InvalidInput as error:
            raise damaged(path) from error
        if tables.note_of(connection, size) != copied:
            raise Permanent(
                f"{path} has a signed checkpoint of {size} entries that the database does not have: the database "
                "was set back, or rows were taken from it. Run `steersman audit verify`, restore the newest backup of "
                f"the database, {ANEW}"
            )


def _in_charge(handed: Sequence[str]) -> NoteKey:
    """Return the key that signs after all these successions."""
    try:
        return parse_succession(handed[-1]).stated.new
    except InvalidInput as error:
        raise Permanent(
            f"the database does not say which key signs: {error.message}; somebody changed it. Restore the database "
            f"from a backup, {ANEW}"
        ) from error


def root_at(connection: Connection, size: int) -> bytes | None:
    """Return the root over the first `size` leaves, from what is stored; None where some of it is gone."""
    try:
        return root_of(0, size, tables.nodes_of(connection))
    except Permanent:
        return None


def _stored_head(connection: Connection) -> Head:
    last = tables.last_leaf(connection)
    if last is None:
        return Head()
    try:
        return Head(frontier_at(last.position + 1, tables.nodes_of(connection)), last.seq)
    except Permanent as error:
        raise Permanent(
            f"{error.message}: somebody changed the database. Run `steersman audit verify` to see where, restore the "
            f"database from a backup, {ANEW}"
        ) from error


def _further(connection: Connection, head: Head) -> Head:
    """Return how far another process has grown our tree; raises `Permanent` where it is not ours any more.

    Going on from less than was here would sign another root for a size that was signed already.
    """
    stored = _stored_head(connection)
    if stored.size < head.size or root_at(connection, head.size) != head.frontier.root():
        raise Permanent(
            f"the tree over the journal lacks what it had at {head.size} entries: somebody changed the database. Run "
            f"`steersman audit verify` to see where, restore the database from a backup, {ANEW}"
        )
    return stored


def _is_at(connection: Connection, head: Head) -> bool:
    last = tables.last_leaf(connection)
    stored = (0, 0) if last is None else (last.position + 1, last.seq)
    return stored == (head.size, head.seq)


def _leaves(head: Head, rows: Sequence[Row]) -> list[Leaf]:
    """Hash rows in order; one that the platform cannot have written stops the log instead of being left out."""
    found = []
    for position, row in enumerate(rows, start=head.size):
        hashed = hash_of(row)
        if hashed is None:
            raise Permanent(
                f"the entry {row.seq} of the journal holds what no entry can: somebody wrote it past the platform; run "
                "`steersman audit verify`, and restore the database from a backup"
            )
        found.append(Leaf(position, row.seq, hashed))
    return found


def _size(note: str | None) -> int:
    """Return the number of entries under a checkpoint that was verified already."""
    return 0 if note is None else int(note.split("\n", 2)[1])
