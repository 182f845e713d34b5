"""A journal in a real SQLite file, a virtual clock, and the log that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Context, JournalEntry, Ports
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.house import ITSELF
from steersman.services.audit.model.records import Verdict
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store import tables
from steersman.services.audit.store.copies import COPY_FILE, read_notes
from steersman.services.audit.store.keys import public_key
from steersman.services.audit.store.log import AuditLog
from steersman.services.audit.store.offline import examine
from steersman.services.audit.store.watching import Patrol

SETTINGS = AuditSettings(checkpoint_entries=10, checkpoint_seconds=60)


@dataclass
class Desk:
    """What an auditor's tests work with. `open` begins another life of the log on the same database and folder."""

    ports: Ports
    clock: FakeClock
    folder: Path

    @property
    def database(self) -> SqlDatabase:
        found = self.ports.database
        assert isinstance(found, SqlDatabase)
        return found

    def append(self, count: int, *, tenant: Tenant = DEFAULT_TENANT, **payload: Any) -> None:
        entries = [
            JournalEntry(
                self.ports.ids.new(),
                self.clock.wall_ns(),
                tenant,
                "someone",
                "thing.happened",
                "it",
                {"n": n, **payload},
            )
            for n in range(count)
        ]
        with self.database.transaction() as transaction:
            self.ports.journal.append(transaction, entries)

    def open(self, settings: AuditSettings = SETTINGS) -> AuditLog:
        return AuditLog.open(self.database, self.clock, settings, self.folder)

    def signed(self, count: int) -> AuditLog:
        """Append entries and have all of them signed."""
        self.append(count)
        log = self.open()
        log.finish()
        return log

    def do(self, *statements: str) -> None:
        """Change the database as somebody can who owns the file."""
        with self.database.transaction() as connection:
            for verb in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS journal_no_{verb}")
            for statement in statements:
                connection.exec_driver_sql(statement)

    def verdict(self, kept: list[str] | None = None) -> Verdict:
        with self.database.reading() as connection:
            return examine(connection, public_key(self.folder), kept or [])

    def notes(self) -> list[str]:
        with self.database.reading() as connection:
            return [note for _, note in tables.notes_after(connection, -1)]

    def copied(self) -> list[str]:
        return read_notes(self.folder / COPY_FILE)

    def context(self, log: AuditLog) -> Context:
        return Context(ITSELF, self.ports, Patrol(log))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "data"
    (folder / "database").mkdir(parents=True)
    database, clock = SqlDatabase(open_engine(None, folder / "database")), FakeClock()
    migrate(database, [HOUSE_LINEAGE])
    yield Desk(fake_ports(folder, clock=clock, database=database, journal=SqlJournal(database)), clock, folder)
    database.close()
