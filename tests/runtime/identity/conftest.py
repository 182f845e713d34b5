"""An identity over the fakes, with a clock that the test turns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock, fake_ports
from steersman.contract.ports import Ports
from steersman.contract.service import Page, Service
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity, TokenPair
from steersman.runtime.identity.login import Attempt
from steersman.runtime.identity.settings import IdentitySettings

PASSWORD = "a green kettle sings by itself"
SERVICE = Service(
    name="example",
    help="Something to have permissions for.",
    permissions={"example.thing.read": "Read.", "example.thing.write": "Write."},
    pages=(
        Page(
            path="/example",
            title="Example",
            title_zh="示例",
            template="none.html",
            view=lambda _ctx: {},
            permission="example.thing.read",
        ),
    ),
)


@dataclass
class Desk:
    """What a test does with identity."""

    identity: Identity
    ports: Ports
    clock: FakeClock

    def add(self, name: str, *roles: str, password: str | None = PASSWORD, kind: Kind = Kind.PERSON) -> Account:
        account = Account(
            self.ports.ids.new(),
            "default",
            name,
            "",
            kind,
            False,
            self.identity.now_ms(),
            roles,  # type: ignore[arg-type]
        )
        hashed = self.identity.passwords.chosen(password) if password else None
        with self.ports.database.transaction() as transaction:
            accounts.add_account(transaction, account, hashed)
        return account

    def attempt(self, name: str, password: str = PASSWORD, code: str = "", address: str = "192.0.2.7") -> Attempt:
        return Attempt(name, password, code, address, "a test")

    def sign_in(self, name: str, **more: Any) -> TokenPair:
        signed_in = asyncio.run(self.identity.login.for_tokens(self.attempt(name, **more)))
        return self.identity.first_pair(signed_in)

    def told(self, type: str) -> list[dict[str, Any]]:
        self.identity.evidence.flush()
        return [dict(entry.payload) for entry in self.ports.journal.read(limit=1000) if entry.type == type]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    clock = FakeClock()
    ports = fake_ports(tmp_path, clock=clock)
    return Desk(Identity.open(ports, [SERVICE], IdentitySettings()), ports, clock)
