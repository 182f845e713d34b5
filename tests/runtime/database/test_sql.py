"""Settings of the real databases, and their failures in our own words."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from steersman.model.errors import InvalidInput, Temporary
from steersman.runtime.database import engine as engine_module
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase


def test_sqlite_keeps_what_it_committed(tmp_path: Path) -> None:
    """WAL, every commit synced (2 is FULL), foreign keys checked, a bounded wait for the lock."""
    database = SqlDatabase(open_engine(None, tmp_path))
    with database.reading() as connection:
        found = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    assert [file.name for file in tmp_path.iterdir()] == ["control.sqlite3"]


def test_a_reader_sees_one_state_while_others_write(database: SqlDatabase) -> None:
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE thing (n INTEGER)"))
    with database.reading() as reader:
        before = reader.execute(text("SELECT count(*) FROM thing")).scalar_one()
        with database.transaction() as writer:
            writer.execute(text("INSERT INTO thing VALUES (1)"))
        after = reader.execute(text("SELECT count(*) FROM thing")).scalar_one()
    assert (before, after) == (0, 0)


def test_two_writers_on_sqlite_wait_for_each_other(tmp_path: Path) -> None:
    """Both read before they write; without the lock at the start one of them would fail."""
    database = SqlDatabase(open_engine(None, tmp_path))
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(50):
            with database.transaction() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 100
    database.close()


def test_a_lock_held_too_long_is_temporary(empty: SqlDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine_module, "_LOCK_WAIT_MS", 50)
    impatient = SqlDatabase(open_engine(empty.engine.url.render_as_string(hide_password=False), tmp_path))
    with empty.transaction() as connection:
        connection.execute(text("CREATE TABLE thing (n INTEGER)"))
    with empty.transaction() as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
        with pytest.raises(Temporary), impatient.transaction() as other:
            other.execute(text("DROP TABLE thing"))
    impatient.close()


def test_a_server_that_is_not_there_is_temporary(tmp_path: Path) -> None:
    database = SqlDatabase(open_engine("postgresql://nobody:hush-hush@127.0.0.1:1/none", tmp_path))
    with pytest.raises(Temporary) as raised, database.reading():
        pass
    assert "hush-hush" not in raised.value.message


def test_a_statement_that_is_wrong_stays_a_programming_error(empty: SqlDatabase) -> None:
    with pytest.raises(DBAPIError), empty.reading() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


@pytest.mark.parametrize(
    "url", ["mysql://a/b", "sqlite://", "sqlite:///:memory:", "not a url", "", "postgresql://h:port/x"]
)
def test_another_kind_of_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        open_engine(url, tmp_path)


def test_kill_9_in_a_transaction_leaves_nothing_of_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, threading\n"
        "from sqlalchemy import text\n"
        "from steersman.runtime.database.engine import open_engine\n"
        "from steersman.runtime.database.sql import SqlDatabase\n"
        f"database = SqlDatabase(open_engine(None, pathlib.Path({str(tmp_path)!r})))\n"
        "with database.transaction() as connection:\n"
        "    connection.execute(text('CREATE TABLE thing (n INTEGER)'))\n"
        "    connection.execute(text('INSERT INTO thing VALUES (1)'))\n"
        "with database.transaction() as connection:\n"
        "    connection.execute(text('INSERT INTO thing VALUES (2)'))\n"
        "    print('in the middle', flush=True)\n"
        "    threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.kill()
    database = SqlDatabase(open_engine(None, tmp_path))
    with database.reading() as connection:
        assert connection.execute(text("SELECT n FROM thing")).scalars().all() == [1]
    database.close()
