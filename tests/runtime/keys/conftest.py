"""A ring on a real disk beside a real SQLite file, with a table that has one marked column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from steersman.contract.fakes import FakeClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.keys.keyring import KeyRing, Marked


@dataclass
class Desk:
    """What the tests of keys work with; `open` begins another life on the same folder and database."""

    folder: Path
    database: SqlDatabase
    clock: FakeClock

    def open(self) -> KeyRing:
        return KeyRing.open(self.folder, self.database, self.clock)

    def column(self, ring: KeyRing) -> Marked:
        return ring.column("things", "secret")

    def put(self, ring: KeyRing, row: str, secret: bytes) -> None:
        with self.database.transaction() as transaction:
            transaction.exec_driver_sql(
                "INSERT OR REPLACE INTO things VALUES (?, ?)", (row, self.column(ring).seal(row, secret))
            )

    def rows(self) -> dict[str, bytes]:
        with self.database.reading() as connection:
            return dict(connection.exec_driver_sql("SELECT id, secret FROM things").all())  # type: ignore[arg-type]

    def secrets(self, ring: KeyRing) -> dict[str, bytes]:
        return {row: self.column(ring).open(row, value) for row, value in self.rows().items()}


Making = Callable[[Path], Desk]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "database").mkdir()
    database = SqlDatabase(open_engine(None, tmp_path / "database"))
    with database.transaction() as transaction:
        transaction.exec_driver_sql("CREATE TABLE things (id TEXT PRIMARY KEY, secret BLOB)")
    yield Desk(tmp_path / "secrets", database, FakeClock())
    database.close()
