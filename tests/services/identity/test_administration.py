"""Who administers hands on no more than they have: one test for each way around that was found elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import fake_ports
from steersman.contract.ports import Caller
from steersman.contract.service import Service
from steersman.model.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.settings import IdentitySettings
from steersman.services.identity.store import Administration
from steersman.services.identity.web import PERMISSIONS

PASSWORD = "a green kettle sings by itself"
OTHER = Service(name="other", help="x", permissions={"other.thing.read": "Read.", "other.thing.write": "Write."})
SELF = Service(name="identity", help="x", permissions=PERMISSIONS)
DECLARED = frozenset({**OTHER.permissions, **SELF.permissions})
As = Callable[..., Administration]


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity.open(fake_ports(tmp_path), [OTHER, SELF], IdentitySettings())


@pytest.fixture
def acting(identity: Identity) -> As:
    """Administration on behalf of the root, or of somebody with a role."""

    def by(role: str = "admin", *permissions: str) -> Administration:
        held = frozenset(permissions) or identity.standing[role]
        return Administration(identity, DECLARED, Caller(role or "maker", permissions=held))

    return by


@pytest.mark.requirement("ASVS-16.2.5", "SOC2-CC6.2")
def test_an_account_is_added_and_told_in_the_journal_without_its_password(identity: Identity, acting: As) -> None:
    account = acting().add("Ines", "ines@example.com", Kind.PERSON, PASSWORD, ["viewer"])
    assert (account.name, account.roles) == ("ines", ("viewer",))
    (entry,) = identity.ports.journal.read()
    assert (entry.type, entry.actor, entry.subject) == ("identity.account.added", "admin", account.id)
    assert "kettle" not in str(entry)
    with pytest.raises(Conflict):
        acting().add("INES", "", Kind.PERSON, PASSWORD, [])


@pytest.mark.parametrize("role", ["admin", "operator"])
@pytest.mark.requirement("ASVS-8.2.2", "SOC2-CC6.3")
def test_a_manager_gives_out_no_role_above_their_own(acting: As, role: str) -> None:
    """By adding, by changing, by a group, or by changing a group that holds it."""
    manager = acting("manager")
    with pytest.raises(Forbidden):
        manager.add("ines", "", Kind.PERSON, PASSWORD, [role])
    manager.add("ines", "", Kind.PERSON, PASSWORD, ["viewer"])
    with pytest.raises(Forbidden):
        manager.change("ines", roles=[role])
    with pytest.raises(Forbidden):
        manager.save_group("crew", [role], ["ines"])
    acting().save_group("crew", [role], [])
    with pytest.raises(Forbidden):
        manager.save_group("crew", [], ["ines"])


def test_whoever_is_above_is_out_of_reach(acting: As) -> None:
    """Setting an admin's password, or making a key of their account, would be becoming that admin."""
    acting().add("boss", "", Kind.PERSON, PASSWORD, ["admin"])
    manager = acting("manager")
    for attempt in (
        lambda: manager.set_password("boss", "the blue kettle is quiet tonight"),
        lambda: manager.change("boss", disabled=True),
        lambda: manager.change("boss", roles=[]),
        lambda: manager.make_key("boss", "", ["other.thing.read"], 1),
        lambda: manager.save_group("crew", [], ["boss"]),
        lambda: manager.drop_factor("boss"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_a_power_that_came_through_a_group_puts_out_of_reach_as_well(acting: As) -> None:
    root = acting()
    root.add("boss", "", Kind.PERSON, PASSWORD, [])
    root.save_group("bosses", ["admin"], ["boss"])
    with pytest.raises(Forbidden):
        acting("manager").set_password("boss", "the blue kettle is quiet tonight")


def test_a_key_is_given_no_scope_that_its_maker_lacks(acting: As) -> None:
    """Self-granted scopes; also not by a role of one's own, and not by changing one."""
    acting().add("robot", "", Kind.SERVICE, None, [])
    manager = acting("manager")
    for scopes in (["other.thing.write"], ["*"], ["other.thing.read", "identity.roles.write"]):
        with pytest.raises(Forbidden):
            manager.make_key("robot", "", scopes, 1)
    maker = acting("", "identity.roles.write", "other.thing.read")
    with pytest.raises(Forbidden):
        maker.save_role("mine", "", ["other.thing.write"])
    acting().save_role("theirs", "", ["other.thing.write"])
    for attempt in (lambda: maker.save_role("theirs", "", ["other.thing.read"]), lambda: maker.drop_role("theirs")):
        with pytest.raises(Forbidden):
            attempt()
    maker.save_role("mine", "", ["other.thing.read"])


def test_a_role_of_ones_own_grants_what_it_says_until_it_is_deleted(identity: Identity, acting: As) -> None:
    root = acting()
    root.save_role("scribe", "Writes.", ["other.thing.write"])
    root.add("robot", "", Kind.SERVICE, None, ["scribe"])
    _, key = root.make_key("robot", "", ["*"], 1)
    check = identity.admission.check
    assert check(key.encode(), "").permissions == {"other.thing.write"}
    root.save_role("scribe", "Reads.", ["other.thing.read"])
    assert check(key.encode(), "").permissions == {"other.thing.read"}
    root.drop_role("scribe")
    assert check(key.encode(), "").permissions == frozenset()


def test_a_standing_role_is_nobody_s_to_change(acting: As) -> None:
    root = acting()
    with pytest.raises(Conflict):
        root.save_role("viewer", "", ["other.thing.write"])
    with pytest.raises(NotFound):
        root.drop_role("viewer")
    with pytest.raises(InvalidInput, match="no installed service declares"):
        root.save_role("odd", "", ["other.thing.guess"])


@pytest.mark.requirement("ASVS-7.4.2")
def test_a_revoked_key_and_a_disabled_account_are_out_at_once(identity: Identity, acting: As) -> None:
    root = acting()
    root.add("robot", "", Kind.SERVICE, None, ["viewer"])
    (first, key), (_, other) = (root.make_key("robot", "", ["*"], 1) for _ in range(2))
    for one in (key, other):
        identity.admission.check(one.encode(), "")
    root.revoke_key(first)
    root.change("robot", disabled=True)
    for one in (key, other):
        assert identity.admission.known(one.encode()) is None
        with pytest.raises(Unauthenticated):
            identity.admission.check(one.encode(), "")
    with pytest.raises(NotFound):
        root.revoke_key(first)


@pytest.mark.requirement("ASVS-8.4.1")
def test_another_tenant_s_accounts_are_not_there(identity: Identity, acting: As) -> None:
    """An object of somebody else is not forbidden: it does not exist."""
    acting().add("ines", "", Kind.PERSON, PASSWORD, [])
    made, _ = _key_of(acting())
    stranger = Administration(identity, DECLARED, Caller("x", "elsewhere", frozenset({"*"})))  # type: ignore[arg-type]
    attempts: list[Callable[[], Any]] = [
        lambda: stranger.change("ines", disabled=True),
        lambda: stranger.set_password("ines", PASSWORD),
        lambda: stranger.keys_of("ines"),
        lambda: stranger.make_key("ines", "", ["*"], 1),
        lambda: stranger.revoke_key(made),
        lambda: stranger.save_group("crew", [], ["ines"]),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()


def _key_of(root: Administration) -> tuple[str, str]:
    root.add("robot", "", Kind.SERVICE, None, [])
    return root.make_key("robot", "", ["*"], 1)


def test_a_person_has_a_password_and_a_program_has_none(acting: As) -> None:
    with pytest.raises(InvalidInput):
        acting().add("ines", "", Kind.PERSON, None, [])
    with pytest.raises(InvalidInput):
        acting().add("robot", "", Kind.SERVICE, PASSWORD, [])
    acting().add("robot", "", Kind.SERVICE, None, [])
    with pytest.raises(Conflict):
        acting().set_password("robot", PASSWORD)


@pytest.mark.parametrize("word", ["other.write", "other.thing.wirte", "OTHER.THING.WRITE"])
def test_a_permission_that_is_not_there_is_told_with_the_nearest_that_is(acting: As, word: str) -> None:
    """Not with the shape that a name has to have, for a key as for a role."""
    root = acting()
    root.add("robot", "", Kind.SERVICE, None, [])
    attempts: list[Callable[[], Any]] = [
        lambda: root.make_key("robot", "", [word], 1),
        lambda: root.save_role("scribe", "", [word]),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidInput, match=re.escape(word)) as refused:
            attempt()
        assert word.isupper() or "did you mean other.thing.write" in refused.value.message
    with pytest.raises(InvalidInput, match="there is no role 'veiwer'; there are admin, guest"):
        root.add("ines", "", Kind.PERSON, PASSWORD, ["veiwer"])
