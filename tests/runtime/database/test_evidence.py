"""The evidence over the journal on both real databases: what SQLite's own tests show holds for PostgreSQL too."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from steersman.contract.fakes import SeededIds
from steersman.contract.ports import JournalEntry
from steersman.engine.audit.checkpoint import parse_note
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.group_commit import GroupCommit
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.sql import SqlDatabase
from steersman.services.audit.model.records import Fault, Problem
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store import tables
from steersman.services.audit.store.log import AuditLog
from steersman.services.audit.store.offline import examine
from steersman.services.audit.store.watching import Patrol

SETTINGS = AuditSettings(checkpoint_entries=20)
IDS = SeededIds()


def _record(database: SqlDatabase, count: int) -> None:
    group = GroupCommit(database, SqlJournal(database))
    for number in range(count):
        payload = {"number": number, "note": "naïve \u2603", "share": 0.1, "none": None}
        group.record([JournalEntry(IDS.new(), number, DEFAULT_TENANT, "someone", "thing.happened", "it", payload)])


def _problem(database: SqlDatabase, log: AuditLog) -> Problem | None:
    with database.reading() as connection:
        return examine(connection, log.key.public).problem


def _tamper(database: SqlDatabase, statement: str) -> None:
    with database.transaction() as connection:
        if database.engine.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS journal_no_{verb}")
        else:
            connection.exec_driver_sql("ALTER TABLE journal DISABLE TRIGGER ALL")
        connection.exec_driver_sql(statement)


def test_the_next_life_agrees_with_what_was_signed(database: SqlDatabase, tmp_path: Path) -> None:
    _record(database, 30)
    first = AuditLog.open(database, SystemClock(), SETTINGS, tmp_path)
    first.finish()
    second = AuditLog.open(database, SystemClock(), SETTINGS, tmp_path)
    assert second.head == first.head
    assert _problem(database, second) is None
    assert Patrol(second).disagreement() is None


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE journal SET actor = 'other' WHERE seq = 5", Fault.CHANGED),
        ("UPDATE journal SET payload = '{ }' WHERE seq = 5", Fault.CHANGED),
        ("DELETE FROM journal WHERE seq = 5", Fault.MISSING),
        ("UPDATE journal SET seq = 99 WHERE seq = 5", Fault.REORDERED),
    ],
)
def test_tampering_is_found(database: SqlDatabase, tmp_path: Path, statement: str, fault: Fault) -> None:
    _record(database, 12)
    log = AuditLog.open(database, SystemClock(), SETTINGS, tmp_path)
    log.finish()
    _tamper(database, statement)
    found = _problem(database, log)
    assert found is not None
    assert (found.fault, found.seq) == (fault, 5)
    assert Patrol(log).disagreement()


def test_two_workers_grow_one_tree(database: SqlDatabase, tmp_path: Path) -> None:
    """Both follow while others append; no leaf comes twice and no size is signed twice."""
    logs = [AuditLog.open(database, SystemClock(), SETTINGS, tmp_path) for _ in range(2)]
    stop = threading.Event()

    def follow(log: AuditLog) -> None:
        while not stop.is_set():
            log.follow()

    with ThreadPoolExecutor(4) as pool:
        following = [pool.submit(follow, log) for log in logs]
        writing = [pool.submit(_record, database, 60) for _ in range(2)]
        assert [one.exception() for one in writing] == [None, None]
        stop.set()
        assert [one.exception() for one in following] == [None, None]
    for log in logs:
        log.finish()
    with database.reading() as connection:
        sizes = [parse_note(note).checkpoint.size for _, note in tables.notes_after(connection, -1)]
    assert (logs[0].head, logs[0].head.size, sizes[-1]) == (logs[1].head, 120, 120)
    assert _problem(database, logs[0]) is None
