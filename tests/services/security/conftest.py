"""The defence on a real database, with people who sign in, under a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, MemorySettings, fake_ports
from steersman.contract.ports import Caller, Context, Observer
from steersman.model.errors import Unauthenticated
from steersman.model.findings import Finding
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.http.guard import Guard
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.login import Attempt
from steersman.runtime.identity.settings import IdentitySettings
from steersman.services.security.jobs import follow
from steersman.services.security.model.settings import SecuritySettings
from steersman.services.security.store.defence import Defence

PASSWORD = "four ordinary words, said twice"
ADMIN = Caller("ines", permissions=frozenset({"*"}))


class Told:
    """Remembers what the loop was told."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)


@dataclass
class Fort:
    """One process of the platform. `cursor` is how far its job has read."""

    defence: Defence
    clock: FakeClock
    told: Told = field(default_factory=Told)
    cursor: int = 0

    @property
    def context(self) -> Context:
        return Context(ADMIN, self.defence.ports, self.defence)

    def tick(self) -> None:
        """Let the job take its round, after what was noted is written."""
        self.defence.identity.evidence.flush()
        self.cursor = follow(self.defence, self.cursor)

    def sign_in(self, name: str, password: str, address: str) -> bool:
        attempt = Attempt(name, password, "", address, "test")
        try:
            asyncio.run(self.defence.identity.login.for_tokens(attempt))
        except Unauthenticated:
            return False
        return True

    def again(self, settings: SecuritySettings | None = None) -> Fort:
        """Start another process on the same database."""
        ports = self.defence.ports
        provided = {Guard: Guard(self.clock, self.defence.identity.evidence, None), Identity: self.defence.identity}
        kept = MemorySettings(settings or SecuritySettings())
        return Fort(Defence.open(fake_ports(ports.data_dir, clock=self.clock, database=ports.database,
                                            journal=ports.journal, settings=kept, provided=provided)), self.clock)  # fmt: skip


@pytest.fixture
def fort(tmp_path: Path) -> Iterator[Fort]:
    (tmp_path / "database").mkdir()
    database, clock = SqlDatabase(open_engine(None, tmp_path / "database")), FakeClock()
    migrate(database, [HOUSE_LINEAGE])
    provided: dict[type, Any] = {Observer: Told()}
    settings = MemorySettings(SecuritySettings(never=("192.0.2.0/24",)))
    ports = fake_ports(
        tmp_path, clock=clock, database=database, journal=SqlJournal(database), settings=settings, provided=provided
    )
    identity = provided[Identity] = Identity.open(ports, (), IdentitySettings())
    provided[Guard] = Guard(clock, identity.evidence, None)
    with database.transaction() as transaction:
        one = Account(Id("a-1"), DEFAULT_TENANT, "ines", "", Kind.PERSON, False, 0, ())
        accounts.add_account(transaction, one, identity.passwords.chosen(PASSWORD, "ines"))
    yield Fort(Defence.open(ports), clock, provided[Observer])
    database.close()
