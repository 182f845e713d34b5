"""Signing in over HTTP, as programs and as browsers do it, and what the door makes of the result."""

from __future__ import annotations

from typing import Any

import jwt
import pyotp
import pytest

from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.http.door import COOKIE, SESSION_SECONDS
from steersman.runtime.identity import accounts
from steersman.runtime.identity.accounts import Account, Kind

PASSWORD = "a green kettle sings by itself"
WHOAMI = "/api/example/whoami"
NOBODY: dict[str, str] = {}
ROOT = {"authorization": "Bearer the-bootstrap-token"}


def add(site: Any, name: str, *roles: str) -> Account:
    identity = site.identity
    account = Account(identity.ports.ids.new(), DEFAULT_TENANT, name, "", Kind.PERSON, False, 0, roles)
    with identity.ports.database.transaction() as transaction:
        accounts.add_account(transaction, account, identity.passwords.chosen(PASSWORD))
    return account


@pytest.fixture
def site(make_site: Any) -> Any:
    made = make_site(people=True).start()
    add(made, "ines", "viewer")
    return made


def form(site: Any, headers: dict[str, str] = NOBODY, **fields: str) -> Any:
    return site.ask("POST", "/auth/token", data=fields, headers=headers)


def sign_in(site: Any, name: str = "ines", **more: str) -> dict[str, Any]:
    answer = form(site, grant_type="password", username=name, password=PASSWORD, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.requirement("ASVS-7.2.2")
def test_a_password_becomes_tokens_that_the_published_key_verifies(site: Any) -> None:
    """The outside oracle is PyJWT with the key set as it is published, as another service would use it."""
    pair = sign_in(site)
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 900)
    keys = jwt.PyJWKSet.from_dict(site.get("/auth/jwks", headers=NOBODY).json())
    kid = jwt.get_unverified_header(pair["access_token"])["kid"]
    claims = jwt.decode(
        pair["access_token"], keys[kid].key, ["EdDSA"], audience="steersman", issuer="steersman",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )  # fmt: skip
    assert claims["exp"] - claims["iat"] == 900
    assert site.get(WHOAMI, headers=bearer(pair["access_token"])).json() == {"subject": "ines"}


def test_an_answer_with_tokens_is_stored_by_nobody(site: Any) -> None:
    answer = form(site, grant_type="password", username="ines", password=PASSWORD)
    assert answer.headers["cache-control"] == "no-store"


def test_a_life_of_tokens(site: Any) -> None:
    """Used, expired, refreshed in both ways, and ended."""
    pair = sign_in(site)
    site.clock.tick(900)
    assert site.get(WHOAMI, headers=bearer(pair["access_token"])).status_code == 401
    second = site.ask("POST", "/auth/refresh", json={"refresh_token": pair["refresh_token"]}, headers=NOBODY).json()
    third = form(site, grant_type="refresh_token", refresh_token=second["refresh_token"]).json()
    key = bearer(third["access_token"])
    assert site.get(WHOAMI, headers=key).status_code == 200
    assert site.ask("POST", "/auth/logout", headers=key).json() == {"ended": 1}
    assert site.get(WHOAMI, headers=key).status_code == 401
    refused = site.ask("POST", "/auth/refresh", json={"refresh_token": third["refresh_token"]}, headers=NOBODY)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_grant")


@pytest.mark.parametrize(
    "fields",
    [
        {"grant_type": "password", "username": "ines", "password": "a green kettle sings no more"},
        {"grant_type": "password", "username": "nobody", "password": PASSWORD},
        {"grant_type": "password", "username": "іnes", "password": PASSWORD},
        {"grant_type": "password", "username": "ines"},
        {"grant_type": "password"},
    ],
)
def test_what_is_wrong_about_a_sign_in_is_not_told(site: Any, fields: dict[str, str]) -> None:
    wrong, other = form(site, **fields), form(site, grant_type="password", username="x", password="y")
    assert wrong.status_code == 401
    assert (wrong.content, dict(wrong.headers)) == (other.content, dict(other.headers))
    assert wrong.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("body", [b"", b"grant_type=client_credentials", b"grant_type=password&grant_type=password", b"\xff\xfe", b"a=1&" * 50,
                                  b"grant_type=implicit&username=ines"])  # fmt: skip
def test_a_form_that_is_none_is_a_bad_request(site: Any, body: bytes) -> None:
    answer = site.ask("POST", "/auth/token", content=body, headers=NOBODY)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.requirement("ASVS-14.2.1")
def test_a_credential_in_the_address_is_not_read(site: Any) -> None:
    """What stands in an address stands in logs."""
    query = f"?grant_type=password&username=ines&password={PASSWORD}"
    assert site.ask("POST", f"/auth/token{query}", headers=NOBODY).status_code == 400
    token = sign_in(site)["access_token"]
    assert site.get(f"{WHOAMI}?access_token={token}", headers=NOBODY).status_code == 401


@pytest.mark.requirement("ASVS-8.2.1")
def test_roles_decide_and_the_answer_names_what_is_missing(site: Any) -> None:
    add(site, "gast", "guest")
    viewer, guest = (bearer(sign_in(site, name)["access_token"]) for name in ("ines", "gast"))
    assert site.get(WHOAMI, headers=viewer).status_code == 200
    assert site.ask("POST", "/hot", headers=viewer).status_code == 403
    refused = site.get(WHOAMI, headers=guest)
    assert refused.status_code == 403
    assert "example.thing.read" in refused.json()["detail"]
    assert site.get("/auth/me", headers=guest).json()["permissions"] == []


def test_people_see_and_end_their_own_sessions_only(site: Any) -> None:
    add(site, "otto", "viewer")
    mine, other, ottos = sign_in(site), sign_in(site), sign_in(site, "otto")
    key = bearer(mine["access_token"])
    shown = site.get("/auth/sessions", headers=key).json()
    assert [one["current"] for one in shown].count(True) == 1
    assert len(shown) == 2
    foreign = site.get("/auth/me", headers=bearer(ottos["access_token"])).json()["session"]
    assert site.ask("DELETE", f"/auth/sessions/{foreign}", headers=key).status_code == 404
    assert site.ask("DELETE", "/auth/sessions", headers=key).json() == {"ended": 1}
    alive = [site.get(WHOAMI, headers=bearer(one["access_token"])).status_code for one in (mine, other, ottos)]
    assert alive == [200, 401, 200]


def test_an_old_token_ends_nothing_of_the_bootstrap_caller(site: Any) -> None:
    """Whoever holds the bootstrap token has no session that could be ended."""
    assert site.get("/auth/sessions", headers=ROOT).json() == []
    assert site.ask("POST", "/auth/logout", headers=ROOT).status_code == 409
    assert site.ask("DELETE", "/auth/sessions/x", headers=ROOT).status_code == 404
    assert site.get("/auth/me", headers=ROOT).json()["permissions"] == ["*"]


@pytest.mark.parametrize("path", ["/auth/me", "/auth/sessions", WHOAMI, "/hot", "/openapi.json"])
@pytest.mark.parametrize(
    "token", ["wrong", "a.b.c", "stm_" + "0" * 32 + "_" + "A" * 43, "stmr_x", "stms_x", "x" * 5000, "x" * 60_000]
)
@pytest.mark.requirement("ASVS-16.5.1")
def test_every_wrong_token_is_answered_alike(site: Any, path: str, token: str) -> None:
    """One status, one body, one set of headers, whatever was wrong and wherever."""
    first, other = site.get(path, headers=bearer(token)), site.get(WHOAMI, headers=bearer("another"))
    assert (first.status_code, first.content) == (401, other.content)
    assert first.headers["www-authenticate"] == 'Bearer realm="steersman"'


@pytest.mark.requirement("ASVS-6.2.2", "ASVS-6.2.3")
def test_a_person_changes_the_password_with_the_old_one(site: Any) -> None:
    """A session that was left open is not enough, and all others end."""
    mine, other = sign_in(site), sign_in(site)
    key, new = bearer(mine["access_token"]), "the blue kettle is quiet tonight"
    for wrong, status in (
        ({"password": "no", "new_password": new}, 401),
        ({"password": PASSWORD, "new_password": "short"}, 400),
    ):
        assert site.ask("PUT", "/auth/password", json=wrong, headers=key).status_code == status
    changed = site.ask("PUT", "/auth/password", json={"password": PASSWORD, "new_password": new}, headers=key)
    assert changed.json() == {"ended": 1}
    assert site.get(WHOAMI, headers=key).status_code == 200
    assert site.get(WHOAMI, headers=bearer(other["access_token"])).status_code == 401
    assert form(site, grant_type="password", username="ines", password=PASSWORD).status_code == 401
    assert form(site, grant_type="password", username="ines", password=new).status_code == 200
    assert (
        site.ask("PUT", "/auth/password", json={"password": "x", "new_password": new}, headers=ROOT).status_code == 409
    )


@pytest.mark.requirement("ASVS-6.5.6")
def test_a_second_factor_is_set_up_asked_for_and_taken_away(site: Any) -> None:
    key = bearer(sign_in(site)["access_token"])
    offer = site.ask("POST", "/auth/totp", json={"password": PASSWORD}, headers=key).json()

    def code() -> str:
        return pyotp.TOTP(offer["secret"]).at(site.clock.wall_ns() // 1_000_000_000)

    wish = {"password": PASSWORD, "secret": offer["secret"]}
    assert site.ask("PUT", "/auth/totp", json={**wish, "code": "000000x"}, headers=key).status_code == 400
    recoveries = site.ask("PUT", "/auth/totp", json={**wish, "code": code()}, headers=key).json()["recovery_codes"]
    assert len(set(recoveries)) == 10
    assert form(site, grant_type="password", username="ines", password=PASSWORD).status_code == 401
    # The code that switched it on was used up by that.
    assert form(site, grant_type="password", username="ines", password=PASSWORD, totp=code()).status_code == 401
    site.clock.tick(30)
    sign_in(site, totp=code())
    sign_in(site, totp=recoveries[0])
    assert site.ask("POST", "/auth/totp/off", json={"password": PASSWORD}, headers=key).json() == {"recovery_codes": []}
    sign_in(site)


def log_in(site: Any, **fields: str) -> Any:
    return site.ask("POST", "/login", data={"username": "ines", "password": PASSWORD, **fields}, headers=NOBODY)


def test_a_person_signs_in_at_the_console(site: Any) -> None:
    """The cookie is random, invisible to scripts and sent along by this site alone; signing out ends it on the server."""
    entered = log_in(site, to="/somewhere")
    assert (entered.status_code, entered.headers["location"]) == (303, "/somewhere")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    session = {"cookie": cookie.partition(";")[0]}
    assert site.get(WHOAMI, headers=session).json() == {"subject": "ines"}
    assert site.get(WHOAMI, headers=session).json() == {"subject": "ines"}
    assert site.ask("POST", "/logout", headers=session).status_code == 403
    here = {**session, "sec-fetch-site": "same-origin"}
    assert site.ask("POST", "/logout", headers=here).status_code == 303
    assert site.get(WHOAMI, headers=session).status_code == 401


@pytest.mark.requirement("ASVS-7.3.1", "ASVS-7.3.2")
def test_a_session_of_the_console_ends_when_unused_for_a_day_and_after_a_week_in_any_case(site: Any) -> None:
    used, unused = ({"cookie": log_in(site).headers["set-cookie"].partition(";")[0]} for _ in range(2))
    for _ in range(8):
        site.clock.tick(SESSION_SECONDS / 8 - 1)
        assert site.get(WHOAMI, headers=used).status_code == 200
    assert site.get(WHOAMI, headers=unused).status_code == 401
    site.clock.tick(8)
    assert site.get(WHOAMI, headers=used).status_code == 401


def test_a_wrong_password_at_the_console_shows_the_form_again(site: Any) -> None:
    for language, words in (("en", "is not right"), ("zh", "不正确")):
        headers = {"accept-language": language}
        refused = site.ask("POST", "/login", data={"username": "ines", "password": "wrong"}, headers=headers)
        assert refused.status_code == 401
        assert words in refused.text
        assert "set-cookie" not in refused.headers


@pytest.mark.requirement("ASVS-3.5.1")
def test_another_site_cannot_sign_a_browser_in(site: Any) -> None:
    """Not with its own account either: what a person then does would be in the attacker's name."""
    fields = {"username": "ines", "password": PASSWORD}
    foreign = site.ask("POST", "/login", data=fields, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert "set-cookie" not in foreign.headers
    session = log_in(site).headers["set-cookie"].partition(";")[0]
    crossed = site.ask("POST", "/logout", headers={"cookie": session, "origin": "http://evil.example"})
    assert crossed.status_code == 403
    assert site.get(WHOAMI, headers={"cookie": session}).status_code == 200


@pytest.mark.parametrize("value", ["stms_wrong", "stms_", "stms_" + "x" * 5000, "stms_\u00e9", ""])
@pytest.mark.requirement("ASVS-7.2.1")
def test_an_old_cookie_is_nobody_s(site: Any, value: str) -> None:
    assert site.get(WHOAMI, headers={"cookie": f"{COOKIE}={value}".encode("latin-1")}).status_code == 401


def test_without_identity_the_door_works_as_before(make_site: Any) -> None:
    site = make_site().start()
    assert site.get(WHOAMI, headers=ROOT).status_code == 200
    assert site.get(WHOAMI, headers=bearer("a.b.c")).status_code == 401
    assert site.get(WHOAMI, headers={"cookie": f"{COOKIE}=stms_x"}).status_code == 401
    assert site.ask("POST", "/login", data={"username": "ines", "password": PASSWORD}).status_code == 401
