"""One's own account: keys, recovery codes, sessions, what is asked once more, and the page that shows it all."""

from __future__ import annotations

import re
from typing import Any

import jwt
import pyotp
import pytest

PASSWORD = "a green kettle sings by itself"
ROOT = {"authorization": "Bearer the-bootstrap-token"}
READ = "example.thing.read"
ME = "/auth/me"


def code_of(site: Any, secret: str) -> str:
    return pyotp.TOTP(secret).at(site.clock.wall_ns() // 1_000_000_000)


def with_totp(site: Any, browser: Any) -> tuple[str, list[str]]:
    secret = browser.ask("POST", "/auth/totp", json={}).json()["secret"]
    codes = browser.ask("PUT", "/auth/totp", json={"secret": secret, "code": code_of(site, secret)}).json()
    return secret, codes["recovery_codes"]


def test_a_key_of_one_s_own_reaches_no_further_than_oneself(site: Any, browser: Any) -> None:
    browser.sign_in()
    assert browser.ask("POST", "/auth/keys", json={"scopes": ["example.thing.write"]}).status_code == 403
    assert browser.ask("POST", "/auth/keys", json={"scopes": ["*"]}).status_code == 403
    made = browser.ask("POST", "/auth/keys", json={"label": "a script", "scopes": [READ]}).json()
    key = {"authorization": f"Bearer {made['key']}"}
    assert site.get("/api/example/whoami", headers=key).status_code == 200
    assert site.ask("POST", "/auth/keys", json={"scopes": [READ]}, headers=key).status_code == 409
    assert browser.ask("DELETE", f"/auth/keys/{made['id']}").status_code == 204
    assert site.get("/api/example/whoami", headers=key).status_code == 401


@pytest.mark.requirement("ASVS-8.2.2")
def test_people_see_and_revoke_their_own_keys_only(browser: Any, another_browser: Any, add_person: Any) -> None:
    add_person("otto", "viewer")
    made = browser.sign_in().ask("POST", "/auth/keys", json={"scopes": [READ]}).json()
    otto = another_browser().sign_in("otto")
    assert otto.ask("GET", "/auth/keys").json() == []
    assert otto.ask("DELETE", f"/auth/keys/{made['id']}").status_code == 404
    assert [one["id"] for one in browser.ask("GET", "/auth/keys").json()] == [made["id"]]


@pytest.mark.requirement("ASVS-6.5.1", "ASVS-6.5.2")
def test_a_recovery_code_opens_once_and_new_ones_replace_all_old_ones(
    site: Any, browser: Any, another_browser: Any
) -> None:
    _, codes = with_totp(site, browser.sign_in())
    another_browser().sign_in(totp=codes[0])
    fields = {"username": "ines", "password": PASSWORD}
    assert another_browser().ask("POST", "/login", data={**fields, "totp": codes[0]}).status_code == 401
    fresh = browser.ask("POST", "/auth/recovery-codes", json={}).json()["recovery_codes"]
    assert another_browser().ask("POST", "/login", data={**fields, "totp": codes[1]}).status_code == 401
    another_browser().sign_in(totp=fresh[0])


@pytest.mark.requirement("ASVS-7.5.1")
@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/auth/totp", {}), ("POST", "/auth/totp/off", {}), ("POST", "/auth/recovery-codes", {}), ("PUT", "/auth/email", {"email": "a@b.example"}),
    ("POST", "/auth/keys", {"scopes": [READ]}), ("PUT", "/auth/passkeys/second-factor", {"on": False}),
])  # fmt: skip
def test_what_could_shut_its_owner_out_asks_who_is_there(
    site: Any, browser: Any, method: str, path: str, body: Any
) -> None:
    browser.sign_in()
    site.clock.tick(601)
    assert browser.ask(method, path, json=body).status_code == 403
    browser.ask("POST", "/auth/reauthenticate", json={"password": PASSWORD})
    assert browser.ask(method, path, json=body).status_code in {200, 204, 409}


@pytest.mark.requirement("ASVS-6.2.3")
def test_a_password_is_changed_with_the_old_one_however_fresh_the_session(browser: Any) -> None:
    browser.sign_in()
    new = {"new_password": "a blue kettle is quiet at night"}
    assert browser.ask("PUT", "/auth/password", json=new).status_code == 400
    assert browser.ask("PUT", "/auth/password", json={**new, "password": "wrong"}).status_code == 401
    assert browser.ask("PUT", "/auth/password", json={**new, "password": PASSWORD}).status_code == 200


@pytest.mark.requirement("ASVS-7.4.3")
def test_another_password_ends_all_other_sessions_at_once(browser: Any, another_browser: Any) -> None:
    other = another_browser().sign_in()
    browser.sign_in()
    body = {"password": PASSWORD, "new_password": "a blue kettle is quiet at night"}
    assert browser.ask("PUT", "/auth/password", json=body).json() == {"ended": 1}
    assert (other.ask("GET", ME).status_code, browser.ask("GET", ME).status_code) == (401, 200)


def test_showing_who_one_is_takes_the_second_factor_too(site: Any, browser: Any) -> None:
    secret, _ = with_totp(site, browser.sign_in())
    site.clock.tick(601)
    assert browser.ask("POST", "/auth/reauthenticate", json={"password": PASSWORD}).status_code == 401
    body = {"password": PASSWORD, "code": code_of(site, secret)}
    assert browser.ask("POST", "/auth/reauthenticate", json=body).status_code == 204


@pytest.mark.requirement("ASVS-7.2.4")
def test_signing_in_begins_another_session_whatever_the_browser_came_with(browser: Any) -> None:
    """Session fixation: a cookie that somebody planted never becomes that of a person."""
    browser.cookies["steersman_session"] = planted = "stms_planted-by-somebody-else"
    browser.sign_in()
    first = browser.cookies["steersman_session"]
    assert first != planted
    assert browser.sign_in().cookies["steersman_session"] not in {first, planted}


@pytest.mark.requirement("ASVS-7.4.5")
def test_an_administrator_ends_the_sessions_of_those_within_reach(
    site: Any, browser: Any, another_browser: Any, add_person: Any
) -> None:
    add_person("otto", "admin")
    otto = another_browser().sign_in("otto")
    browser.sign_in()
    path = "/auth/people/ines/sessions"
    assert len(otto.ask("GET", path).json()) == 1
    assert browser.ask("DELETE", path.replace("ines", "otto")).status_code == 403
    assert otto.ask("DELETE", path).json() == {"ended": 1}
    assert browser.ask("GET", ME).status_code == 401


def test_the_signing_key_is_rotated_by_hand_and_the_tokens_before_go_on(site: Any) -> None:
    fields = {"grant_type": "password", "username": "ines", "password": PASSWORD}
    before = site.ask("POST", "/auth/token", data=fields, headers={}).json()["access_token"]
    published = {key["kid"] for key in site.get("/auth/jwks", headers={}).json()["keys"]}
    kid = site.ask("POST", "/auth/signing-keys", json={}, headers=ROOT).json()["kid"]
    after = site.ask("POST", "/auth/token", data=fields, headers={}).json()["access_token"]
    assert jwt.get_unverified_header(after)["kid"] == kid != jwt.get_unverified_header(before)["kid"]
    assert kid in published
    assert {site.get(ME, headers={"authorization": f"Bearer {one}"}).status_code for one in (before, after)} == {200}


def test_the_local_key_is_taken_back_over_the_api(site: Any) -> None:
    kept = site.identity.ports.data_dir / "secrets" / "bootstrap-token"
    kept.write_text("the-key-of-the-operator\n")
    key = {"authorization": "Bearer the-key-of-the-operator"}
    assert site.get(ME, headers=key).status_code == 200
    assert site.ask("DELETE", "/auth/bootstrap", headers=ROOT).json() == {"revoked": "bootstrap"}
    assert site.get(ME, headers=key).status_code == 401


def test_a_qr_code_holds_no_style_and_no_script(browser: Any) -> None:
    picture = browser.sign_in().ask("POST", "/auth/totp", json={}).json()["picture"]
    assert picture.startswith("<svg xmlns=")
    assert not re.search(r"style=|<script|href", picture)


@pytest.mark.requirement("ASVS-3.4.3")
@pytest.mark.parametrize("path", ["/account", "/login", "/setup"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pages_speak_both_languages_and_run_nothing_inline(
    site: Any, browser: Any, path: str, language: str
) -> None:
    if path == "/account":
        browser.sign_in()
    page = browser.ask("GET", path, headers={"accept": "text/html", "accept-language": language})
    assert f'lang="{language}"' in page.text
    assert not re.search(r"<script(?![^>]*src=)[^>]*>|\son\w+=|style=|javascript:", page.text)
    assert "unsafe" not in page.headers["content-security-policy"]
