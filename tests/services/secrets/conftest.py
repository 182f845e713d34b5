"""The secrets of an installation on a real disk, without the platform around them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from steersman.contract.fakes import FakeClock, MemorySettings, fake_ports
from steersman.contract.ports import Caller, Context, JournalEntry, Ports
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.keys.keyring import KeyRing
from steersman.runtime.keys.settings import KeySettings
from steersman.runtime.logs import Logs
from steersman.services.secrets.model.wire import NewValue
from steersman.services.secrets.store.safe import Resolver, Safe

ADMIN = Caller("ines", permissions=frozenset({"*"}))


@dataclass
class Desk:
    safe: Safe
    written: io.StringIO

    @property
    def ports(self) -> Ports:
        return self.safe.ports

    def put(self, name: str, value: str, caller: Caller = ADMIN) -> None:
        self.safe.put(caller, name, NewValue(value=SecretStr(value)))

    def reveal(self, reference: str) -> str:
        return Resolver(self.safe).reveal(reference)

    def journal(self) -> list[JournalEntry]:
        return self.ports.journal.read(limit=1000)

    def context(self) -> Context:
        return Context(ADMIN, self.ports, self.safe)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "database").mkdir()
    database, clock = SqlDatabase(open_engine(None, tmp_path / "database")), FakeClock()
    migrate(database, [HOUSE_LINEAGE])
    logs, written = Logs(clock), io.StringIO()
    provided: dict[type, Any] = {KeyRing: KeyRing.open(tmp_path / "secrets", database, clock), Logs: logs}
    settings = MemorySettings(KeySettings())
    yield Desk(
        Safe.open(
            fake_ports(
                tmp_path,
                clock=clock,
                database=database,
                journal=SqlJournal(database),
                settings=settings,
                provided=provided,
            )
        ),
        written,
    )
    database.close()
