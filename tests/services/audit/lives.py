"""Lives of a process that journals, follows and signs, killed with SIGKILL: run by `test_kill.py`.

Usage: lives.py FOLDER steps COUNT: for every number up to COUNT, a fresh data directory, a life that is killed at that
step, and one that is let live. lives.py FOLDER crowd COUNT: so many lives on one directory, with many threads that
append, each killed after a random number of acknowledgements. Each life is a fork of this process. Lines of JSON say
what was left.

SQLite, the journal, the key and the file are the real ones; what dies is wrapped around them here.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from steersman.contract.ports import JournalEntry
from steersman.engine.audit.checkpoint import parse_note
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.group_commit import GroupCommit
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.ids import RandomIds
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store import copies, log, tables
from steersman.services.audit.store.keys import public_key
from steersman.services.audit.store.log import AuditLog
from steersman.services.audit.store.offline import examine

SETTINGS = AuditSettings(checkpoint_entries=3)
ROUNDS, EACH = 4, 5


class Steps:
    """Counts what happens, and kills this process at one of them."""

    def __init__(self, die_at: int) -> None:
        self._die_at, self._count = die_at, 0

    def __call__(self) -> None:
        self._count += 1
        if self._count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Database(SqlDatabase):
    """Dies before a transaction ends, which takes it back, and after it."""

    step: Callable[[], None] = staticmethod(lambda: None)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with super().transaction() as connection:
            yield connection
            self.step()
        self.step()


def opened(folder: Path) -> Database:
    (folder / "database").mkdir(parents=True, exist_ok=True)
    database = Database(open_engine(None, folder / "database"))
    migrate(database, [HOUSE_LINEAGE])
    return database


def entry(ids: RandomIds) -> JournalEntry:
    return JournalEntry(ids.new(), 1, DEFAULT_TENANT, "someone", "thing.happened", "it", {"note": "x" * 50})


def live(folder: Path, die_at: int) -> None:
    """Journal some entries and follow them, again and again; every write to the file dies half way as well."""
    database, clock, step = opened(folder), SystemClock(), Steps(die_at)
    ids, journal = RandomIds(clock), SqlJournal(database)
    audit = AuditLog.open(database, clock, SETTINGS, folder)
    database.step = step  # type: ignore[method-assign]
    real = copies.append_notes

    def torn(path: Path, notes: list[str]) -> None:
        step()
        if notes:
            with path.open("a") as file:
                file.write(notes[0][: len(notes[0]) // 2])
                file.flush()
                step()
                file.truncate(path.stat().st_size - len((notes[0][: len(notes[0]) // 2]).encode()))
        real(path, notes)
        step()

    log.append_notes = torn  # type: ignore[assignment]
    for _ in range(ROUNDS):
        with database.transaction() as transaction:
            journal.append(transaction, [entry(ids) for _ in range(EACH)])
        audit.finish()


def crowd(folder: Path, out: int) -> None:
    """Append from many threads and follow all the time, until somebody kills this; each acknowledged id is told."""
    database, clock = opened(folder), SystemClock()
    ids, group = RandomIds(clock), GroupCommit(database, SqlJournal(database))
    audit = AuditLog.open(database, clock, SETTINGS, folder)

    def append() -> None:
        while True:
            one = entry(ids)
            group.record([one])
            os.write(out, f"{one.id}\n".encode())

    for _ in range(8):
        threading.Thread(target=append, daemon=True).start()
    while True:
        audit.follow()


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def wrong(folder: Path, signed: dict[int, bytes]) -> list[str]:
    """Return what does not hold: the evidence, the file against the database, or a second root for a size."""
    database = opened(folder)
    try:
        with database.reading() as connection:
            stored = [note for _, note in tables.notes_after(connection, -1)]
            copied = copies.read_notes(folder / copies.COPY_FILE) if (folder / copies.COPY_FILE).exists() else []
            problem = examine(connection, public_key(folder), copied).problem if stored else None
    finally:
        database.close()
    found = [problem.words] if problem else []
    for note in {*stored, *copied}:
        checkpoint = parse_note(note).checkpoint
        if signed.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
            found.append(f"two roots for {checkpoint.size}")
    if not set(copied) <= set(stored):
        found.append("the file is ahead of the database")
    return found


def steps(place: Path, count: int) -> Iterator[dict[str, Any]]:
    for number in range(1, count + 1):
        folder, signed = place / str(number), dict[int, bytes]()
        end = forked(lambda folder=folder, number=number: live(folder, number))  # type: ignore[misc]
        found = wrong(folder, signed)
        if forked(lambda folder=folder: live(folder, 0)) != 0:  # type: ignore[misc]
            found.append("the next life failed")
        found += wrong(folder, signed)
        yield {"step": number, "end": end, "wrong": found}


def stories(place: Path, count: int) -> Iterator[dict[str, Any]]:
    chance, acknowledged, signed, found = random.Random(4), set[str](), dict[int, bytes](), list[str]()
    for _ in range(count):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            crowd(place, writing)
        os.close(writing)
        with os.fdopen(reading) as told:
            for _ in range(chance.randint(1, 60)):
                acknowledged.add(told.readline().strip())
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            acknowledged |= {line.strip() for line in told if line.endswith("\n")}
        found += wrong(place, signed)
    database = opened(place)
    with database.reading() as connection:
        kept = set(connection.exec_driver_sql("SELECT id FROM journal").scalars())
    database.close()
    if lost := acknowledged - kept - {""}:
        found.append(f"{len(lost)} acknowledged entries are lost")
    yield {"acknowledged": len(acknowledged), "checkpoints": len(signed), "wrong": found}


def main() -> None:
    place, way, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    for line in (steps if way == "steps" else stories)(place, count):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
