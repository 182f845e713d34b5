"""Two people for one action: who counts as one, for how long, and that it is done once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.people import People

from steersman.contract.ports import Context
from steersman.contract.service import Action, Preview, Risk, Service
from steersman.contract.testing import Answer
from steersman.model.entities import Entity, EntityKind
from steersman.model.errors import Permanent
from steersman.runtime.actions import Approvals, State
from steersman.runtime.actions.waiting import WITHIN_MS
from steersman.runtime.identity.accounts import Kind
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


class Vault(People):
    """People who may open doors, and the address that they ask at."""

    def ask(self, token: str, *, door: str = "main", key: str = "k", action: str = "open") -> Answer:
        return self.call(token, "POST", f"/api/vault/actions/{action}", {"args": {"name": door}, "key": key})


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
    again, key = vault.signed_in("ines"), vault.key_of("ines")
    assert [vault.ask(token).status for token in (ines, ines, again, key)] == [409, 409, 409, 403]
    assert vault.ask(vault.person("robot", kind=Kind.SERVICE)).status == 403
    assert OPENED == []


def test_a_kill_between_the_second_yes_and_the_intent_leaves_it_to_either_to_go_on(vault: Vault) -> None:
    """What was agreed to is written down, so whoever of the two repeats the request does it, once."""
    ines, otto = vault.person("ines"), vault.person("otto")
    vault.ask(ines)
    caller = vault.identity.admission.check(otto.encode(), "")
    approvals = vault.harness._platform.house.ports.get(Approvals)
    (waiting,) = approvals.listed(caller, [State.WAITING], 9)
    approvals.agree(waiting.wanted, caller)
    assert OPENED == []
    assert [vault.ask(ines).status, vault.ask(otto).body["repeated"]] == [200, True]
    assert OPENED == ["main by k"]


def test_another_wish_is_not_agreed_with(vault: Vault) -> None:
    ines, otto = vault.person("ines"), vault.person("otto")
    vault.ask(ines, door="main")
    assert vault.ask(otto, door="back").status == 409
    assert vault.ask(otto, key="another").status == 409
    assert OPENED == []


def test_who_lost_the_right_meanwhile_has_no_say(vault: Vault) -> None:
    """Disabled, or without the role: the wish of before counts for nothing."""
    otto = vault.person("otto")
    for name, lose in (("ines", vault.disable), ("ute", vault.roles)):
        vault.ask(vault.person(name), key=name)
        lose(name)
        assert vault.ask(otto, key=name).status == 409
    assert OPENED == []


def test_a_wish_is_forgotten_after_an_hour(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.ask(vault.person("ines"))
    clock = vault.identity.ports.clock
    later = clock.wall_ns() + WITHIN_MS * 1_000_000 + 1
    monkeypatch.setattr(type(clock), "wall_ns", lambda _self: later)
    assert vault.ask(vault.person("otto")).status == 409
    assert OPENED == []


@pytest.mark.parametrize("named", ["vault.p*", "vault.door.open"])
def test_the_owner_may_ask_it_of_any_action(open_harness: Any, vault: Vault, tmp_path: Path, named: str) -> None:
    """By the name of the action, or of its permission."""
    assert vault.ask(vault.person("ines"), action="peek").status == 200
    with open_harness([PLATFORM, VAULT], {"four_eyes": (named,), "data": tmp_path / "other"}) as harness:
        asking = Vault(harness)
        assert asking.ask(asking.person("ines"), action="peek").status == 409
        assert asking.ask(asking.person("otto"), action="peek").status == 200


def test_a_setting_that_names_nothing_stops_the_start(open_harness: Any) -> None:
    """A slip of the pen would leave open what the owner believes shut; the message lists what there is."""
    with (
        pytest.raises(Permanent, match=r"vault\.opne.*vault\.open"),
        open_harness([VAULT], {"four_eyes": ("vault.opne",)}),
    ):
        pass


def test_a_dry_run_needs_one_person(vault: Vault) -> None:
    ines = vault.person("ines")
    body = {"args": {}, "dry_run": True}
    assert vault.call(ines, "POST", "/api/vault/actions/open", body).status == 200
