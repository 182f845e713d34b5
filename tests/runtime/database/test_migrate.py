"""Migrations: once, in one transaction, never over what a newer version wrote."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from steersman.model.errors import Permanent
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import journal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, Lineage, migrate, stored_revision
from steersman.runtime.database.sql import SqlDatabase


def _lineage(folder: Path, *bodies: str) -> Lineage:
    """A lineage whose n-th revision runs the n-th body."""
    folder.mkdir(exist_ok=True)
    before = None
    for number, body in enumerate(bodies, start=1):
        script = (
            f"from alembic import op\nrevision = 'r{number:04d}'\ndown_revision = {before!r}\n"
            f"def upgrade():\n    {body}\n"
        )
        (folder / f"r{number:04d}_step.py").write_text(script)
        before = f"r{number:04d}"
    return Lineage("demo", folder)


def test_a_new_database_is_brought_to_the_head_once(empty: SqlDatabase) -> None:
    assert migrate(empty, [HOUSE_LINEAGE]) == ("house",)
    assert migrate(empty, [HOUSE_LINEAGE]) == ()
    with empty.reading() as connection:
        assert stored_revision(connection, HOUSE_LINEAGE) == HOUSE_LINEAGE.revisions[-1]
        columns = {column["name"] for column in inspect(connection).get_columns("journal")}
    assert columns == set(journal.columns.keys())


def test_lineages_do_not_disturb_each_other(database: SqlDatabase, tmp_path: Path) -> None:
    demo = _lineage(tmp_path / "demo", "op.execute('CREATE TABLE one (n INTEGER)')")
    assert migrate(database, [HOUSE_LINEAGE, demo]) == ("demo",)
    demo = _lineage(tmp_path / "demo", "raise AssertionError", "op.execute('CREATE TABLE two (n INTEGER)')")
    assert migrate(database, [HOUSE_LINEAGE, demo]) == ("demo",)
    with database.reading() as connection:
        assert {"one", "two", "journal"} <= set(inspect(connection).get_table_names())


def test_a_step_that_fails_leaves_the_old_tables(database: SqlDatabase, tmp_path: Path) -> None:
    demo = _lineage(tmp_path / "demo", "op.execute('CREATE TABLE one (n INTEGER)')", "raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        migrate(database, [demo])
    with database.reading() as connection:
        assert stored_revision(connection, demo) is None
        assert not inspect(connection).has_table("one")


def test_tables_of_a_newer_version_are_refused_with_the_next_step(database: SqlDatabase) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE house_revision SET version_num = 'r9999'"))
    with pytest.raises(Permanent, match=r"r9999.*restore a backup"):
        migrate(database, [HOUSE_LINEAGE])


def test_two_processes_that_start_together_migrate_once(empty: SqlDatabase, tmp_path: Path) -> None:
    results: list[tuple[str, ...]] = []
    other = SqlDatabase(open_engine(empty.engine.url.render_as_string(hide_password=False), tmp_path))
    threads = [
        threading.Thread(target=lambda database=database: results.append(migrate(database, [HOUSE_LINEAGE])))
        for database in (empty, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(results) in ([(), ("house",)], [("house",), ("house",)])
    assert len(results) == 2
    assert migrate(empty, [HOUSE_LINEAGE]) == ()


def test_the_file_names_agree_with_what_the_scripts_say() -> None:
    folder = str(HOUSE_LINEAGE.folder)
    scripts = ScriptDirectory(folder, version_locations=[folder])
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(HOUSE_LINEAGE.revisions))


def test_a_start_with_nothing_to_migrate_does_not_import_the_tool(tmp_path: Path) -> None:
    database = SqlDatabase(open_engine(None, tmp_path))
    migrate(database, [HOUSE_LINEAGE])
    database.close()
    script = (
        "import sys, pathlib\n"
        "from steersman.runtime.database.engine import open_engine\n"
        "from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate\n"
        "from steersman.runtime.database.sql import SqlDatabase\n"
        f"database = SqlDatabase(open_engine(None, pathlib.Path({str(tmp_path)!r})))\n"
        "assert migrate(database, [HOUSE_LINEAGE]) == ()\n"
        "assert not {'alembic', 'psycopg', 'mako'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
