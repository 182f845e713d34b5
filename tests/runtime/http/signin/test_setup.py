"""The first administrator, and what becomes of the key of whoever operates the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from steersman.runtime.identity.first import LIFETIME_SECONDS

NOBODY: dict[str, str] = {}
GOOD = "a green kettle sings by itself"
ME = "/auth/me"


@pytest.fixture
def site(make_site: Any) -> Any:
    return make_site(people=True).start()


def submit(site: Any, token: str | None, name: str = "ines", password: str = GOOD, **more: str) -> httpx2.Response:
    fields = {"token": token or "", "username": name, "password": password, "again": password, **more}
    return site.ask("POST", "/setup", data=fields, headers=NOBODY)


def cookie(answer: httpx2.Response) -> dict[str, str]:
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


@pytest.mark.requirement("ASVS-6.3.2")
def test_the_printed_link_makes_the_first_administrator_who_is_signed_in(site: Any) -> None:
    token = site.identity.first.offer()
    page = site.get(f"/setup?token={token}", headers=NOBODY)
    assert (page.status_code, token in page.text) == (200, True)
    made = submit(site, token)
    assert (made.status_code, made.headers["location"]) == (303, "/account?first")
    assert site.get(ME, headers=cookie(made)).json()["permissions"] == ["*"]


@pytest.mark.requirement("ASVS-6.4.1")
def test_the_link_opens_once(site: Any) -> None:
    token = site.identity.first.offer()
    submit(site, token)
    again = submit(site, token, "otto")
    assert "set-cookie" not in again.headers
    assert site.get("/setup", headers=NOBODY).headers["location"] == "/login"
    assert site.identity.first.offer() is None


@pytest.mark.requirement("ASVS-6.4.1")
def test_a_wrong_an_expired_and_a_replaced_token_are_refused_alike(site: Any) -> None:
    old = site.identity.first.offer()
    token = site.identity.first.offer()
    answers = [submit(site, "wrong"), submit(site, old), submit(site, "")]
    site.clock.tick(LIFETIME_SECONDS)
    answers.append(submit(site, token))
    assert {(one.status_code, one.content) for one in answers} == {(401, answers[0].content)}


@pytest.mark.parametrize(("name", "password"), [("ines", "short"), ("ines", "password1234"), ("i nes", GOOD)])
def test_a_choice_that_is_not_accepted_uses_nothing_up(site: Any, name: str, password: str) -> None:
    token = site.identity.first.offer()
    assert submit(site, token, name, password).status_code == 400
    assert submit(site, token, again="another one").status_code == 400
    assert submit(site, token).status_code == 303


@pytest.mark.requirement("ASVS-2.3.4", "ASVS-15.4.2")
def test_two_at_once_make_one_administrator(site: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    token, first = site.identity.first.offer(), site.identity.first

    def one(number: int) -> int:
        try:
            first.create(token, f"name{number}", GOOD, "")
        except Exception:  # noqa: BLE001 - whatever the refusal is, it is one
            return 0
        return 1

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(one, range(4))) == 1


def test_only_its_owner_may_read_the_token(site: Any) -> None:
    token = site.identity.first.offer()
    kept = site.identity.ports.data_dir / "secrets" / "setup-token"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["token"] == token


@pytest.fixture
def key(site: Any) -> str:
    kept: Path = site.identity.ports.data_dir / "secrets" / "bootstrap-token"
    kept.write_text("the-key-of-the-operator\n")
    return "the-key-of-the-operator"


def from_afar(site: Any, key: str) -> int:
    import asyncio

    async def once() -> int:
        transport = httpx2.ASGITransport(site.front, client=("203.0.113.5", 4000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7600") as client:
            return (await client.get(ME, headers={"authorization": f"Bearer {key}"})).status_code

    return asyncio.run(once())


def test_once_there_is_an_administrator_the_local_key_opens_on_this_machine_only(site: Any, key: str) -> None:
    bearer = {"authorization": f"Bearer {key}"}
    assert (from_afar(site, key), site.get(ME, headers=bearer).status_code) == (200, 200)
    submit(site, site.identity.first.offer())
    assert (from_afar(site, key), site.get(ME, headers=bearer).status_code) == (401, 200)
    assert from_afar(site, key) == 401


def test_a_local_key_that_was_taken_back_opens_nothing_and_a_new_one_does(site: Any, key: str) -> None:
    bearer = {"authorization": f"Bearer {key}"}
    signed_in = cookie(site.ask("POST", "/login", data={"token": key}, headers=NOBODY))
    assert site.get(ME, headers=signed_in).json()["subject"] == "bootstrap"
    site.identity.local.revoke()
    assert [site.get(ME, headers=one).status_code for one in (bearer, signed_in)] == [401, 401]
    assert site.get(ME, headers={"authorization": "Bearer revoked"}).status_code == 401
    fresh = site.identity.local.renew()
    assert site.get(ME, headers={"authorization": f"Bearer {fresh}"}).status_code == 200
    assert site.get(ME, headers=signed_in).status_code == 401
