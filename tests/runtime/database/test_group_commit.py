"""Many callers share one transaction, and each is told only about its own entries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from steersman.contract.fakes import FakeClock, SeededIds
from steersman.contract.ports import Database, Journal, JournalEntry
from steersman.model.errors import Conflict, InvalidInput, Temporary
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.runtime.database.group_commit import GroupCommit
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.shredding import SEALED
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.database.subjects import SealedSubjects

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Nobody:
    """No accounts."""

    def ids(self, _connection: Any, _known: Any) -> dict[str, str]:
        return {}

    names = ids


def _entry(number: int) -> JournalEntry:
    return JournalEntry(Id(f"{number:036d}"), number, DEFAULT_TENANT, "someone", "thing.happened", "it")


class Gate:
    """A database whose transactions wait, so that callers gather, and are counted."""

    def __init__(self, database: Database, failure: Exception | None = None) -> None:
        self._database, self._failure = database, failure
        self.opened, self.begun, self.count = threading.Event(), threading.Event(), 0
        self.reading = database.reading

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self.count += 1
        self.begun.set()
        self.opened.wait(30)
        if self._failure is not None:
            raise self._failure
        with self._database.transaction() as connection:
            yield connection


def _gathered(gate: Gate, group: GroupCommit, batches: list[list[JournalEntry]]) -> list[BaseException | None]:
    """Let the first caller begin, gather all others behind it, then open the gate."""
    with ThreadPoolExecutor(len(batches)) as pool:
        calls = [pool.submit(group.record, batches[0])]
        gate.begun.wait(30)
        calls += [pool.submit(group.record, batch) for batch in batches[1:]]
        while len(group._waiting) < len(batches) - 1:
            pass
        gate.opened.set()
        return [call.exception() for call in calls]


def test_who_comes_during_a_commit_shares_the_next_one(house: tuple[Database, Journal]) -> None:
    database, journal = house
    gate = Gate(database)
    failures = _gathered(gate, GroupCommit(gate, journal), [[_entry(number)] for number in range(20)])
    assert failures == [None] * 20
    assert gate.count == 2
    assert sorted(entry.time_ns for entry in journal.read()) == list(range(20))


def test_an_id_that_is_there_already_fails_for_its_caller_only(house: tuple[Database, Journal]) -> None:
    database, journal = house
    with database.transaction() as connection:
        journal.append(connection, [_entry(3)])
    gate = Gate(database)
    failures = _gathered(gate, GroupCommit(gate, journal), [[_entry(number)] for number in range(6)])
    assert [type(one) for one in failures] == [type(None)] * 3 + [Conflict] + [type(None)] * 2
    assert sorted(entry.time_ns for entry in journal.read()) == list(range(6))


def test_what_cannot_be_sealed_fails_for_its_caller_only(database: SqlDatabase, tmp_path: Path) -> None:
    """It is found out inside of the transaction that everybody shares."""
    subjects = SealedSubjects.open(database, SeededIds(), FakeClock(), tmp_path, Nobody())
    gate = Gate(database)
    wrong = replace(_entry(3), payload={"email": "a@example.org", "more": {SEALED: {}}})
    batches = [[_entry(0)], [_entry(1)], [wrong], [_entry(4)]]
    failures = _gathered(gate, GroupCommit(gate, SqlJournal(database, subjects)), batches)
    assert [type(one) for one in failures] == [type(None)] * 2 + [InvalidInput, type(None)]
    assert sorted(entry.time_ns for entry in SqlJournal(database).read()) == [0, 1, 4]


def test_a_caller_without_company_waits_for_nobody(house: tuple[Database, Journal]) -> None:
    """After a crowd one comes alone: the moment for the crowd passes, and from then on there is none."""
    database, journal = house
    gate = Gate(database)
    group = GroupCommit(gate, journal)
    _gathered(gate, group, [[_entry(number)] for number in range(20)])
    group.record([_entry(20)])
    assert group._usual == 1
    group.record([_entry(21)])
    assert len(journal.read()) == 22


def test_what_cannot_be_kept_is_refused_before_it_joins(house: tuple[Database, Journal]) -> None:
    database, journal = house
    wrong = JournalEntry(Id("a"), 1, DEFAULT_TENANT, "", "thing.happened", "it")
    with pytest.raises(InvalidInput, match="actor"):
        GroupCommit(database, journal).record([wrong])
    assert journal.read() == []


def test_nobody_is_told_that_an_entry_is_kept_when_the_database_is_away(house: tuple[Database, Journal]) -> None:
    database, journal = house
    gate = Gate(database, Temporary("away"))
    failures = _gathered(gate, GroupCommit(gate, journal), [[_entry(number)] for number in range(5)])
    assert [type(one) for one in failures] == [Temporary] * 5
    assert journal.read() == []


def test_many_threads_lose_and_double_nothing(house: tuple[Database, Journal]) -> None:
    database, journal = house
    group, writers, each = GroupCommit(database, journal), 8, 20

    def write(writer: int) -> None:
        for number in range(each):
            group.record([_entry(writer * each + number)])

    with ThreadPoolExecutor(writers) as pool:
        assert [one.exception() for one in [pool.submit(write, writer) for writer in range(writers)]] == [
            None
        ] * writers
    assert sorted(entry.time_ns for entry in journal.read(limit=1_000)) == list(range(writers * each))
