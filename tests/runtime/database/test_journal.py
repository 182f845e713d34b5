"""What only real databases can show: triggers, concurrent writers, and a cursor that skips nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from steersman.contract.ports import JournalEntry
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.sql import SqlDatabase


def _entry(number: int) -> JournalEntry:
    return JournalEntry(Id(f"{number:036d}"), number, DEFAULT_TENANT, "someone", "thing.happened", "it")


@pytest.mark.parametrize("change", ["UPDATE journal SET actor = 'other'", "DELETE FROM journal"])
def test_the_database_itself_refuses_to_change_the_journal(database: SqlDatabase, change: str) -> None:
    journal = SqlJournal(database)
    with database.transaction() as connection:
        journal.append(connection, [_entry(1)])
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as connection:
        connection.execute(text(change))
    assert [one.actor for one in journal.read()] == ["someone"]


def test_postgresql_refuses_to_truncate_the_journal(database: SqlDatabase) -> None:
    if database.engine.dialect.name == "sqlite":
        return
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as connection:
        connection.execute(text("TRUNCATE journal"))


def test_a_reader_never_skips_an_entry_that_commits_late(database: SqlDatabase) -> None:
    """The first writer takes its number, then dawdles: nobody may see a higher number before it has committed."""
    journal = SqlJournal(database)
    second_done = threading.Event()

    def second() -> None:
        with database.transaction() as connection:
            journal.append(connection, [_entry(2)])
        second_done.set()

    thread = threading.Thread(target=second)
    with database.transaction() as connection:
        journal.append(connection, [_entry(1)])
        thread.start()
        second_done.wait(0.3)
        seen_meanwhile = [one.time_ns for one in journal.read()]
    thread.join()
    assert seen_meanwhile == []
    assert [one.time_ns for one in journal.read()] == [1, 2]


def test_a_cursor_sees_every_entry_of_many_writers_once(database: SqlDatabase) -> None:
    journal = SqlJournal(database)
    writers, each = 4, 25

    def write(writer: int) -> None:
        for number in range(each):
            with database.transaction() as connection:
                journal.append(connection, [_entry(writer * each + number)])

    seen: list[int] = []
    with ThreadPoolExecutor(writers) as pool:
        running = [pool.submit(write, writer) for writer in range(writers)]
        cursor = 0
        while True:
            finished = all(one.done() for one in running)
            page = journal.read(after=cursor)
            seen += [one.time_ns for one in page]
            cursor = page[-1].seq if page else cursor
            if finished and not page:
                break
    assert [one.exception() for one in running] == [None] * writers
    assert sorted(seen) == list(range(writers * each))


def test_numbers_are_not_used_again_after_a_rollback(database: SqlDatabase) -> None:
    journal = SqlJournal(database)
    with database.transaction() as connection:
        journal.append(connection, [_entry(1)])
    with suppress(ZeroDivisionError), database.transaction() as connection:
        journal.append(connection, [_entry(2)])
        raise ZeroDivisionError
    with database.transaction() as connection:
        journal.append(connection, [_entry(3)])
    first, last = journal.read()
    assert last.seq > first.seq
