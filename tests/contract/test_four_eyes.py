"""Two people for one action: who counts as one, for how long, and that it is done once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk, Service
from steersman.contract.testing import Answer
from steersman.model.entities import Entity, EntityKind
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.actions import Actions
from steersman.runtime.actions.four_eyes import WITHIN_NS
from steersman.runtime.identity import accounts, apikeys, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.services.platform.manifest import SERVICE as PLATFORM


@dataclass(frozen=True)
class Door:
    """Which door."""

    name: str = "main"


OPENED: list[str] = []


def opened(_context: Context, key: str, args: Door) -> Door:
    OPENED.append(f"{args.name} by {key}")
    return args


OPEN = Action(
    name="open",
    help="Open a door for good.",
    args=Door,
    result=Door,
    permission="vault.door.open",
    risk=Risk.DISRUPTIVE,
    preview=lambda _context, args: Preview(f"open {args.name}", "it stays open"),
    apply=opened,
    target_kind=EntityKind.SERVICE,
    target=lambda args: Entity(EntityKind.SERVICE, args.name),
    four_eyes=True,
)
VAULT = Service(
    name="vault",
    help="Doors.",
    permissions={"vault.door.open": "Open doors."},
    actions=(OPEN, replace(OPEN, name="peek", four_eyes=False)),
)


class Vault:
    """People who may open doors, and the address that they ask at."""

    def __init__(self, harness: Any) -> None:
        self.harness = harness
        self.identity: Identity = harness._platform.house.ports.get(Identity)
        self.accounts: dict[str, str] = {}

    def person(self, name: str, *roles: str, kind: Kind = Kind.PERSON) -> str:
        """Return a token of somebody new."""
        ports, now = self.identity.ports, self.identity.now_ms()
        with ports.database.transaction() as transaction:
            account = Account(ports.ids.new(), DEFAULT_TENANT, name, "", kind, False, now, roles or ("operator",))
            accounts.add_account(transaction, account, None)
            session = ports.ids.new()
            sessions.begin(transaction, session, account.id, "", "", now)
        self.accounts[name] = account.id
        return self.identity.tokens.issue(account.id, session)

    def ask(self, token: str, *, door: str = "main", key: str = "k", action: str = "open") -> Answer:
        self.harness._tokens[frozenset({token})] = token
        body = {"args": {"name": door}, "key": key}
        answer: Answer = self.harness.call("POST", f"/api/vault/actions/{action}", frozenset({token}), body)
        return answer


@pytest.fixture
def vault(open_harness: Any) -> Iterator[Vault]:
    OPENED.clear()
    with open_harness([PLATFORM, VAULT]) as harness:
        yield Vault(harness)


@pytest.mark.requirement("ASVS-2.3.5")
def test_a_second_person_with_the_same_wish_lets_it_happen_once(vault: Vault) -> None:
    ines, otto = vault.person("ines"), vault.person("otto")
    first = vault.ask(ines)
    assert (first.status, OPENED) == (409, [])
    assert "another person" in first.body["detail"]
    assert vault.ask(otto).status == 200
    assert vault.ask(ines).body["repeated"] is True
    assert OPENED == ["main by k"]


def test_nobody_is_two_people(vault: Vault) -> None:
    """Neither by asking again, nor by a second session, a key or a program of one's own."""
    ines = vault.person("ines")
    identity, ports = vault.identity, vault.identity.ports
    with ports.database.transaction() as transaction:
        key = apikeys.make(
            transaction,
            ports.ids.new(),
            vault.accounts["ines"],
            "",
            ("*",),
            identity.now_ms(),
            identity.now_ms() + 3_600_000,
        )
        session = ports.ids.new()
        sessions.begin(transaction, session, vault.accounts["ines"], "", "", identity.now_ms())
    again = identity.tokens.issue(vault.accounts["ines"], session)
    assert [vault.ask(token).status for token in (ines, ines, again, key)] == [409, 409, 409, 403]
    assert vault.ask(vault.person("robot", kind=Kind.SERVICE)).status == 403
    assert OPENED == []


def test_another_wish_is_not_agreed_with(vault: Vault) -> None:
    ines, otto = vault.person("ines"), vault.person("otto")
    vault.ask(ines, door="main")
    assert vault.ask(otto, door="back").status == 409
    assert vault.ask(otto, key="another").status == 409
    assert OPENED == []


def test_who_lost_the_right_meanwhile_has_no_say(vault: Vault) -> None:
    """Disabled, or without the role: the wish of before counts for nothing."""
    otto = vault.person("otto")
    for name, change in (("ines", {"disabled": True}), ("ute", None)):
        vault.ask(vault.person(name), key=name)
        with vault.identity.ports.database.transaction() as transaction:
            if change:
                accounts.change_account(transaction, vault.accounts[name], **change)  # type: ignore[arg-type] # an id as text
            else:
                accounts.set_roles(transaction, vault.accounts[name], ["guest"])  # type: ignore[arg-type] # likewise
        assert vault.ask(otto, key=name).status == 409
    assert OPENED == []


def test_a_wish_is_forgotten_after_an_hour(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.ask(vault.person("ines"))
    clock = vault.identity.ports.clock
    later = clock.wall_ns() + WITHIN_NS + 1
    monkeypatch.setattr(type(clock), "wall_ns", lambda _self: later)
    assert vault.ask(vault.person("otto")).status == 409
    assert OPENED == []


def test_the_owner_may_ask_it_of_any_action(vault: Vault) -> None:
    ines, otto = vault.person("ines"), vault.person("otto")
    assert vault.ask(ines, action="peek", key="1").status == 200
    vault.harness._platform.house.ports.get(Actions).four_eyes = ("vault.p*",)
    assert vault.ask(ines, action="peek", key="2").status == 409
    assert vault.ask(otto, action="peek", key="2").status == 200


def test_a_dry_run_needs_one_person(vault: Vault) -> None:
    ines = vault.person("ines")
    vault.harness._tokens[frozenset({ines})] = ines
    body = {"args": {}, "dry_run": True}
    assert vault.harness.call("POST", "/api/vault/actions/open", frozenset({ines}), body).status == 200
