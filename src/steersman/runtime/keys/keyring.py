"""The ring of one data directory: opened once for a process, changed by one at a time, read anew when another did.

A new key is on disk before anything is sealed with it, and a key leaves the active place, never the ring, until a scan
has shown that nothing refers to it. A copy of the ring, wrapped as it is, stands in the database: it is the witness
that something was sealed. So a ring that is missing or damaged stops the start with the next step, and a new one is
made only where nothing was ever sealed. Versions count changes; no clock decides anything.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from steersman.contract.ports import Clock, Database
from steersman.model.errors import Conflict, InvalidInput, NotFound, Permanent
from steersman.runtime.database.migrate import migrate
from steersman.runtime.keys import envelope, tables
from steersman.runtime.keys.framing import Damaged, alone, put
from steersman.runtime.keys.ring import LOCK_FILE, RING_FILE, Key, OtherRoot, Ring, State, decoded, encoded, told
from steersman.runtime.keys.root import ROOT_FILE, Wrapping, in_charge, is_wrapped, read_root, settle, write_root
from steersman.runtime.keys.sealed import SealedFile

_NS = 1_000_000_000
_STEPS = (
    "restore it from a backup of the data directory that is as new as the database; or run `steersman secrets recover "
    "--data DIR`, which takes the ring's copy in the database and, where the root key is lost as well, recovery shares"
)

Legacy = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Marked:
    """One column whose values are sealed; `row` is the column that names a row. `legacy` opens what was before."""

    ring: KeyRing
    table: str
    column: str
    row_column: str = "id"
    legacy: Legacy | None = None

    def seal(self, row: str, secret: bytes) -> bytes:
        """Return the envelope to store in this row."""
        return self.ring.seal(secret, envelope.Place(self.table, self.column, row))

    def open(self, row: str, sealed: bytes) -> bytes:
        """Return the secret of a row; raises `Permanent` where it does not belong there."""
        if self.legacy is not None and envelope.key_id_of(sealed) is None:
            return self.legacy(row, sealed)
        try:
            return self.ring.open_sealed(sealed, envelope.Place(self.table, self.column, row))
        except envelope.DoesNotOpen:
            if self.legacy is None:
                raise
            # One in 2^32 values of the layout before begins as an envelope does.
            return self.legacy(row, sealed)

    def key_of(self, sealed: bytes) -> str:
        """Return the id of the key that a value is sealed with; nothing for one of the layout before."""
        found = envelope.key_id_of(sealed)
        return "" if found is None else found.hex()


class KeyRing:
    """Seals and opens. Any thread may use it."""

    def __init__(self, folder: Path, root: bytes, database: Database, clock: Clock) -> None:
        self._file, self._gate = folder / RING_FILE, folder / LOCK_FILE
        self._root, self._database, self._clock = root, database, clock
        self._lock = threading.Lock()
        self._stamp = (0, 0)
        self._keys: dict[bytes, bytes] = {}
        self._file_keys: dict[bytes, bytes] = {}
        self.marked: dict[tuple[str, str], Marked] = {}
        self.ring = self._load()

    @classmethod
    def open(cls, folder: Path, database: Database, clock: Clock, wrapping: Wrapping | None = None) -> KeyRing:
        """Read the ring, or make one where nothing was ever sealed; raises `Permanent` with the next step."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        migrate(database, [tables.LINEAGE])
        with alone(folder / LOCK_FILE):
            with database.reading() as connection:
                copy = tables.kept(connection)
            root = _settled_root(folder, copy is not None, wrapping)
            if not (folder / RING_FILE).exists():
                _demand_nothing_sealed(folder, copy is not None)
                first = Ring(1, (Key.made(clock.wall_ns() // _NS),))
                put(folder / RING_FILE, encoded(first, root))
            opened = cls(folder, root, database, clock)
            opened._agree(copy)
            # Not before the database has its copy: until then either root key may be the one that is needed.
            settle(folder)
            return opened

    def column(self, table: str, column: str, *, row: str = "id", legacy: Legacy | None = None) -> Marked:
        """Mark a column, so that rotation finds it, and return what seals and opens its values."""
        marked = Marked(self, table, column, row, legacy)
        self.marked[table, column] = marked
        return marked

    def file(self, purpose: str) -> SealedFile:
        """Return what seals and opens the files that hold one kind of key outside of the ring."""
        return SealedFile(self, purpose)

    def file_key(self) -> Key:
        """Return the key for files, made where there is none yet; raises `Temporary` where the disk refuses."""
        self.reread()
        if self.ring.files:
            return self.ring.files[0]
        with self._changing() as ring:
            kept = ring if ring.files else self._save(ring.with_file_key(self._clock.wall_ns() // _NS))
        self._copy()
        return kept.files[0]

    def find_file_key(self, id: bytes) -> bytes | None:
        if id not in self._file_keys:
            self.reread()
        return self._file_keys.get(id)

    def seal(self, secret: bytes, place: envelope.Place) -> bytes:
        """Return an envelope under the active key; one that another process made a moment ago counts."""
        self.reread()
        active = self.ring.active
        return envelope.seal(secret, place, bytes.fromhex(active.id), active.secret)

    def open_sealed(self, sealed: bytes, place: envelope.Place) -> bytes:
        """Return the secret; raises `Permanent` where it was altered, moved or belongs to another ring."""
        return envelope.open_sealed(sealed, place, self._find)

    def reread(self) -> bool:
        """Take over what another process has written since; tell whether there was something."""
        try:
            status = self._file.stat()
        except OSError as error:
            raise Permanent(f"the key ring {self._file} is missing: {_STEPS}") from error
        if (status.st_ino, status.st_mtime_ns) == self._stamp:
            return False
        with self._lock:
            self.ring = self._load()
        return True

    def rotate(self, expected: str) -> Key:
        """Make a new active key if `expected` is still the active one; raises `Conflict` otherwise."""
        with self._changing() as ring:
            if ring.active.id != expected:
                raise Conflict(f"the active key is {ring.active.id} by now: somebody else has rotated")
            made = self._save(ring.rotated(self._clock.wall_ns() // _NS))
        self._copy()
        return made.active

    def retire(self, ids: frozenset[str]) -> None:
        """Say that nothing refers to these keys; they still open what a backup brings back."""
        with self._changing() as ring:
            if any(key.id in ids and key.state is State.PREVIOUS for key in ring.keys):
                self._save(ring.with_state(ids, State.RETIRED))
        self._copy()

    def revive(self, ids: frozenset[str]) -> None:
        """Say that something refers to retired keys again: a backup was restored, or a writer was late."""
        with self._changing() as ring:
            if any(key.id in ids and key.state is State.RETIRED for key in ring.keys):
                self._save(ring.with_state(ids, State.PREVIOUS))
        self._copy()

    def destroy(self, id: str) -> None:
        """Forget a retired key for good: what only a backup holds under it cannot be read again."""
        with self._changing() as ring:
            state = {key.id: key.state for key in ring.keys}.get(id)
            if state is None:
                raise NotFound(f"the ring has no key {id}")
            if state is not State.RETIRED:
                raise InvalidInput(f"the key {id} is {state}: only a retired one can be destroyed")
            self._save(ring.without(id))
        self._copy()

    def root_key(self) -> bytes:
        """Return the root, for recovery shares and for nothing else."""
        return self._root

    @contextmanager
    def _changing(self) -> Iterator[Ring]:
        """Hold the ring against other threads and processes, and give what stands on disk now."""
        with self._lock, alone(self._gate):
            self.ring = self._load()
            yield self.ring

    def _save(self, ring: Ring) -> Ring:
        put(self._file, encoded(ring, self._root))
        self.ring = self._load()
        return self.ring

    def _copy(self) -> None:
        """Let the database have what the file says. A kill before leaves an older copy, which the next start renews.

        Never under the ring's lock: a transaction that seals something asks for that lock, and this asks for a
        transaction.
        """
        with self._database.reading() as connection:
            copy = tables.kept(connection)
        text = self._file.read_bytes()
        version, _ = told(text)
        if copy is None or copy[0] < version:
            with self._database.transaction() as transaction:
                tables.keep(transaction, version, text)

    def _load(self) -> Ring:
        try:
            status, text = self._file.stat(), self._file.read_bytes()
            ring = decoded(text, self._root)
        except OSError as error:
            raise Permanent(f"the key ring {self._file} cannot be read: {error.strerror}. {_sentence()}") from error
        except Damaged as error:
            raise Permanent(f"the key ring {self._file} does not open: {error}. {_sentence()}") from error
        if status.st_mode & 0o077:
            raise Permanent(
                f"others than its owner may read {self._file}: chmod 600 it, and find out who could have looked"
            )
        self._stamp = (status.st_ino, status.st_mtime_ns)
        self._keys = {bytes.fromhex(key.id): key.secret for key in ring.keys}
        self._file_keys = {bytes.fromhex(key.id): key.secret for key in ring.files}
        envelope.forget()
        return ring

    def _find(self, id: bytes) -> bytes | None:
        if id not in self._keys:
            self.reread()
        return self._keys.get(id)

    def _agree(self, copy: tuple[int, bytes] | None) -> None:
        """Compare with the database's copy: it may be older, after a kill or a restore, and never newer or another."""
        if copy is not None:
            self._demand_own(copy)
        self._copy()

    def _demand_own(self, copy: tuple[int, bytes]) -> None:
        version, text = copy
        try:
            decoded(text, self._root)
        except OtherRoot as error:
            if told(text)[1] in self.ring.roots and version < self.ring.version:
                # A kill came between the file and its copy when the root key was changed; or an older database is back.
                return
            raise Permanent(
                f"the key ring {self._file} is not the one that this database was sealed with: {error}. Put the folder "
                f"secrets of the data directory in place that belongs to this database"
            ) from error
        except Damaged:
            # The copy is for emergencies and the file is whole: the copy is written anew.
            version = 0
            with self._database.transaction() as transaction:
                tables.forget(transaction)
        if version > self.ring.version:
            raise Permanent(
                f"the key ring {self._file} is older (version {self.ring.version}) than what the database was sealed "
                f"with (version {version}): {_STEPS}"
            )


def _settled_root(folder: Path, used: bool, wrapping: Wrapping | None) -> bytes:  # noqa: FBT001 - the one question
    """Read the root key, draw it where nothing was ever sealed, and let the vault wrap it once the settings say so."""
    path = in_charge(folder)
    if not path.exists():
        if used or (folder / RING_FILE).exists():
            raise Permanent(
                f"the root key {path} is missing, and there is data that was sealed under it: restore it from a backup "
                f"of the data directory, or run `steersman secrets recover --data DIR` with recovery shares. No new "
                f"key was made"
            )
        root = os.urandom(envelope.KEY_BYTES)
        write_root(path, root, wrapping)
        return root
    root = read_root(path, wrapping)
    if wrapping is not None and not is_wrapped(path):
        write_root(path, root, wrapping)
    return root


def _demand_nothing_sealed(folder: Path, used: bool) -> None:  # noqa: FBT001 - the one question
    if used:
        raise Permanent(
            f"the key ring {folder / RING_FILE} is missing, and the database holds what was sealed with it: {_STEPS}. "
            f"No new ring was made"
        )


def _sentence() -> str:
    return f"{_STEPS[0].upper()}{_STEPS[1:]}"


def exposed(folder: Path) -> str | None:
    """Say which file of keys somebody else than its owner may read, or is missing while the platform runs."""
    for name in (ROOT_FILE, RING_FILE):
        path = folder / name
        try:
            mode = path.stat().st_mode & 0o777
        except OSError:
            return f"{path} is missing: restore it from a backup before the next start"
        if mode & 0o077:
            return f"{path} can be read by others (mode {mode:04o}): chmod 600 it, and rotate"
    return None
