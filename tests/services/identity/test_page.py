"""The page of people shows what the operations beside it would, to whom they would, however many there are."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert

from steersman.contract.ports import Caller
from steersman.model.errors import Forbidden, NotFound
from steersman.model.ids import Tenant
from steersman.runtime.console.language import Language
from steersman.runtime.identity import sessions, tables
from steersman.runtime.identity.accounts import Kind

PASSWORD = "a green kettle sings by itself"
PARTS: dict[str, dict[str, str]] = {
    "accounts": {},
    "account": {"account": "ines"},
    "robot": {"account": "robot"},
    "groups": {"view": "groups", "group": "crew"},
    "roles": {"view": "roles", "role": "scribe"},
    "a new role": {"view": "roles"},
    "tenants": {"view": "tenants"},
}


@pytest.fixture
def peopled(console: Any) -> Any:
    """An administrator, a reader with a sign-in in a group, a program with a key, a role, and another tenant."""
    acting = console.acting()
    acting.add("boss", "", Kind.PERSON, PASSWORD, ["admin"])
    acting.save_role("scribe", "Writes.", ["other.thing.write"])
    acting.add("ines", "ines@example.com", Kind.PERSON, PASSWORD, ["viewer"])
    acting.save_group("crew", ["scribe"], ["ines"])
    acting.add("robot", "", Kind.SERVICE, None, ["viewer"])
    acting.make_key("robot", "the pipeline", ["other.thing.read"], 30)
    now, ines, session = console.identity.now_ms(), acting.one("ines").account.id, console.ports.ids.new()
    with console.ports.database.transaction() as transaction:
        sessions.begin(transaction, session, ines, "192.0.2.7", "a browser", now)
        transaction.execute(insert(tables.tenants).values(id="acme", title="Acme", disabled=False, created_ms=1))
    console.acting(elsewhere="acme").add("anna", "", Kind.PERSON, PASSWORD, ["admin"])
    return console


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_drawn_in_every_language(peopled: Any, part: str, language: Language) -> None:
    html = peopled.html(language=language, **PARTS[part])
    assert len(re.findall(r'<div id="people"', html)) == 1
    assert "<script>" not in html
    assert " style=" not in html


def test_an_account_is_shown_with_all_that_belongs_to_it(peopled: Any) -> None:
    shown = peopled.html(account="ines")
    for told in ("ines@example.com", "a browser", "192.0.2.7", "crew", 'value="viewer" checked'):
        assert told in shown
    assert "the pipeline" in peopled.html(account="robot")
    row = next(one for one in peopled.values()["rows"] if one.name == "ines")
    assert (row.sessions, row.groups, row.signed_in_ms) == (1, ["crew"], peopled.identity.now_ms())


@pytest.mark.requirement("ASVS-1.2.1")
def test_what_people_wrote_is_text_and_never_markup(peopled: Any) -> None:
    peopled.acting().change("ines", email='"><script>alert(1)</script>')
    for query in ({}, {"account": "ines"}, {"q": '"><script>alert(1)</script>'}):
        assert "<script>alert" not in peopled.html(**query)


@pytest.mark.requirement("ASVS-8.2.2", "ASVS-8.4.1")
def test_the_administrator_of_a_tenant_sees_that_tenant_and_no_other(peopled: Any) -> None:
    anna = peopled.caller("admin", "acme")
    html = peopled.html(anna)
    assert ("anna" in html, "ines" in html, "view=tenants" in html) == (True, False, False)
    assert "view=tenants" in peopled.html()
    for query in ({"account": "ines"}, {"tenant": "default"}, {"tenant": "default", "account": "ines"}):
        with pytest.raises(NotFound):
            peopled.values(anna, **query)
    assert peopled.values(anna, view="tenants")["part"] == "accounts"
    with pytest.raises(Forbidden):
        peopled.values(peopled.caller("manager"), tenant="acme")
    assert "anna" in peopled.html(tenant="acme")


@pytest.mark.requirement("ASVS-8.2.2")
def test_who_is_out_of_reach_is_shown_without_sign_ins_and_without_a_way_to_change_them(peopled: Any) -> None:
    manager = peopled.caller("manager")
    above, within = peopled.html(manager, account="boss"), peopled.html(manager, account="robot")
    assert ("data-method" in above, "out of your reach" in above) == (False, True)
    assert "data-method" in within
    assert peopled.values(manager, account="boss")["sessions"] == []


def test_whoever_only_looks_at_accounts_gets_no_form(peopled: Any) -> None:
    looking = Caller("auditor", permissions=frozenset({"identity.users.read"}))
    for query in PARTS.values():
        assert "data-method" not in peopled.html(looking, **query)


def _many(console: Any, count: int) -> list[str]:
    """Add accounts with hard names, in another order than that of their names."""
    names = [f"{sign}{number:05}" for number in range(count // 4) for sign in ("p_", "p.", "é", "王")]
    rows = [
        {"id": f"{number:036}", "tenant": "default", "name": name, "email": f"{name}@Example.org", "kind": "person",
         "disabled": number % 10 == 0, "created_ms": 1}
        for number, name in enumerate(reversed(names))
    ]  # fmt: skip
    with console.ports.database.transaction() as transaction:
        transaction.execute(insert(tables.accounts), rows)
    return names


def test_ten_thousand_accounts_are_leafed_through_without_losing_or_repeating_one(
    console: Any, statements: Callable[[], int]
) -> None:
    """And each page costs as many questions to the database as the first, with ten accounts or ten thousand."""
    names = _many(console, 10_000)
    seen, after, cost = [], "", set()
    while True:
        before = statements()
        values = console.values(after=after)
        cost.add(statements() - before)
        seen += [one.name for one in values["rows"]]
        assert values["total"] == len(names)
        if not (after := values["next"]):
            break
    assert seen == sorted(names)
    assert max(cost) <= 12


def test_a_search_finds_parts_of_names_and_addresses_as_they_are_written(console: Any) -> None:
    """A percent sign or an underscore stands for itself."""
    _many(console, 400)
    found = {text: console.values(q=text)["total"] for text in ("p_", "%", "_", "王00001", "@EXAMPLE", "P.00099", "\\")}
    assert found == {"p_": 100, "%": 0, "_": 100, "王00001": 1, "@EXAMPLE": 400, "P.00099": 1, "\\": 0}
    assert console.values(kind="disabled")["total"] == 40
    assert console.values(kind="service")["total"] == 0
    assert console.values(kind="what")["total"] == 400


def test_accounts_of_other_tenants_are_not_counted(peopled: Any) -> None:
    assert peopled.values()["total"] == 3
    assert peopled.values(tenant="acme")["total"] == 1
    assert peopled.acting(elsewhere="acme").tenant == Tenant("acme")
