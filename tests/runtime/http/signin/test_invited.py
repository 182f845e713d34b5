"""Somebody who was invited chooses their password, and nobody else ever has it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from steersman.contract.ports import Caller
from steersman.runtime.identity import accounts
from steersman.runtime.identity.invitations import LIFETIME_MS, invite
from steersman.runtime.identity.login import row_by_id

NOBODY: dict[str, str] = {}
CHOSEN = "the blue kettle is quiet tonight"
PATH = "/auth/invitation"


ROOT = Caller("root", permissions=frozenset({"*"}))


def invited(site: Any, by: Caller = ROOT) -> str:
    identity = site.identity
    with identity.ports.database.transaction() as transaction:
        account = accounts.the_account(transaction, "default", "ines")  # type: ignore[arg-type] # a tenant as text
        return invite(transaction, account.id, by, identity.now_ms())


def choose(site: Any, token: str, password: str = CHOSEN, again: str | None = None) -> httpx2.Response:
    fields = {"token": token, "password": password, "again": password if again is None else again}
    found: httpx2.Response = site.ask("POST", PATH, data=fields, headers=NOBODY)
    return found


def enters(site: Any, password: str) -> int:
    form = {"grant_type": "password", "username": "ines", "password": password}
    return int(site.ask("POST", "/auth/token", data=form, headers=NOBODY).status_code)


@pytest.mark.requirement("ASVS-6.4.1", "ASVS-6.4.6")
def test_an_invitation_lets_its_owner_choose_a_password_once(site: Any) -> None:
    token = invited(site)
    page = site.get(f"{PATH}?token={token}", headers=NOBODY)
    assert (page.status_code, "ines" in page.text) == (200, True)
    chosen = choose(site, token)
    assert (chosen.status_code, chosen.headers["location"], "set-cookie" in chosen.headers) == (303, "/login", False)
    assert enters(site, CHOSEN) == 200
    assert choose(site, token, "another kettle hums on the hill").status_code == 401
    assert enters(site, CHOSEN) == 200


@pytest.mark.requirement("ASVS-6.4.1")
def test_wrong_expired_replaced_and_withdrawn_links_are_refused_alike_and_tell_no_name(site: Any) -> None:
    old = invited(site)
    late = invited(site)
    answers = [choose(site, one) for one in ("", "wrong", old)]
    page = site.get(f"{PATH}?token={old}", headers=NOBODY)
    assert (page.status_code, "ines" in page.text) == (401, False)
    site.clock.tick(LIFETIME_MS / 1000)
    answers.append(choose(site, late))
    gone = invited(site)
    with site.identity.ports.database.transaction() as transaction:
        account = accounts.the_account(transaction, "default", "ines")  # type: ignore[arg-type] # as above
        accounts.change_account(transaction, account.id, disabled=True)
    answers.append(choose(site, gone))
    assert {(one.status_code, one.content) for one in answers} == {(401, answers[0].content)}
    assert "ines" not in answers[0].text


def test_a_password_that_is_not_accepted_uses_nothing_up(site: Any) -> None:
    token = invited(site)
    assert choose(site, token, "password1234").status_code == 400
    assert choose(site, token, CHOSEN, "something else altogether").status_code == 400
    assert choose(site, token).status_code == 303


def test_of_two_at_once_one_is_refused(site: Any) -> None:
    token = invited(site)
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(pool.map(lambda _: choose(site, token).status_code, range(2)))
    assert codes == [303, 401]


@pytest.mark.requirement("ASVS-6.4.3", "ASVS-7.4.3")
def test_a_second_factor_stays_and_sessions_end(site: Any, browser: Any) -> None:
    browser.sign_in()
    identity = site.identity
    with identity.ports.database.transaction() as transaction:
        account = accounts.the_account(transaction, "default", "ines")  # type: ignore[arg-type] # as above
        accounts.change_account(transaction, account.id, totp=b"sealed")
    token = invited(site)
    assert browser.ask("GET", "/auth/me").status_code == 200
    choose(site, token)
    assert browser.ask("GET", "/auth/me").status_code == 401
    with identity.ports.database.reading() as connection:
        row = row_by_id(connection, account.id)
    assert row is not None
    assert row.totp == b"sealed"


@pytest.mark.requirement("ASVS-8.2.1", "ASVS-8.3.2")
def test_a_link_does_not_outlive_what_its_maker_could_reach(site: Any) -> None:
    """Whoever kept the link of a viewer would be an administrator on the day that the viewer becomes one."""
    maker = Caller("mo", permissions=site.identity.standing["viewer"])
    token = invited(site, maker)
    assert site.get(f"{PATH}?token={token}", headers=NOBODY).status_code == 200
    with site.identity.ports.database.transaction() as transaction:
        account = accounts.the_account(transaction, "default", "ines")  # type: ignore[arg-type] # as above
        accounts.set_roles(transaction, account.id, ["admin"])
    assert choose(site, token).status_code == 401
    assert choose(site, invited(site)).status_code == 303
