"""Programs of third parties: the whole way with an official OAuth client, and every shortcut that was thought of."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import BaseAdapter

BACK = "https://app.example/back"
ROOT = {"authorization": "Bearer the-bootstrap-token"}
NOBODY: dict[str, str] = {}
READ, WRITE = "example.thing.read", "example.thing.write"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Wire(BaseAdapter):
    """Carries what `requests` sends to the platform, without a socket."""

    def __init__(self, site: Any) -> None:
        super().__init__()
        self._site = site

    def send(self, request: Any, **_more: Any) -> requests.Response:
        parts = urlsplit(request.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {
            **{name: value for name, value in request.headers.items() if name.lower() != "content-length"},
            "host": parts.netloc,
        }
        answer = self._site.ask(request.method, path, headers=headers, content=request.body or b"")
        found = requests.Response()
        found.status_code, found._content, found.url, found.request = (
            answer.status_code,
            answer.content,
            request.url,
            request,
        )
        found.headers.update(answer.headers)
        return found

    def close(self) -> None:
        return


def register(site: Any, scopes: list[str] | None = None, headers: dict[str, str] = ROOT, **more: Any) -> dict[str, Any]:
    body = {"name": "Dashboards", "redirect_uris": [BACK], "scopes": scopes or [READ], **more}
    answer = site.ask("POST", "/auth/clients", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def client(site: Any) -> dict[str, Any]:
    return register(site)


def onward(page: Any) -> str:
    """The address that a page leads on to."""
    found = re.search(r'id="onward" href="([^"]*)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


def asked(client: dict[str, Any], **changed: str | None) -> str:
    fields = {"response_type": "code", "client_id": client["client_id"], "redirect_uri": BACK, "state": "xyz", "scope": READ,
              "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changed}  # fmt: skip
    return "/auth/authorize?" + urlencode({name: value for name, value in fields.items() if value is not None})


def agree(browser: Any, address: str, decision: str = "allow") -> dict[str, str]:
    """What the client gets back once the person has answered."""
    ticket = onward(browser.ask("GET", address))
    assert browser.ask("GET", ticket).status_code == 200
    led = onward(browser.ask("POST", ticket, data={"decision": decision}))
    assert led.startswith(BACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(led).query).items()}


def redeem(site: Any, client: dict[str, Any], code: str, **changed: str) -> Any:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER,
              "client_id": client["client_id"], **changed}  # fmt: skip
    return site.ask("POST", "/auth/token", data=fields, headers=NOBODY)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.requirement("ASVS-10.4.6")
@pytest.mark.parametrize("confidential", [False, True])
def test_an_official_client_goes_the_whole_way(site: Any, browser: Any, confidential: bool) -> None:
    """Authlib builds the question, reads the answer, redeems the code and refreshes, as it would with any other server."""
    made = register(site, confidential=confidential)
    method = "client_secret_basic" if confidential else "none"
    with OAuth2Session(made["client_id"], made["client_secret"], scope=READ, redirect_uri=BACK,
                       token_endpoint_auth_method=method, code_challenge_method="S256") as session:  # fmt: skip
        session.mount("http://", Wire(site))
        told = session.get("http://localhost:7600/.well-known/oauth-authorization-server", withhold_token=True).json()
        address, state = session.create_authorization_url(told["authorization_endpoint"], code_verifier=VERIFIER)
        back = agree(browser.sign_in(), address.removeprefix("http://localhost:7600"))
        assert (back["state"], back["iss"]) == (state, told["issuer"])
        token = session.fetch_token(told["token_endpoint"], authorization_response=f"{BACK}?{urlencode(back)}",
                                    state=state, code_verifier=VERIFIER)  # fmt: skip
        assert (token["scope"], token["expires_in"]) == (READ, 900)
        assert session.get("http://localhost:7600/api/example/whoami").json() == {"subject": "ines"}
        fresh = session.refresh_token(told["token_endpoint"])
        assert fresh["refresh_token"] != token["refresh_token"]
        assert session.get("http://localhost:7600/api/example/whoami").status_code == 200


@pytest.mark.requirement("ASVS-10.4.1")
@pytest.mark.parametrize("address", [
    BACK + "/", BACK + "?x=1", BACK.upper(), "https://app.example.evil.example/back", "https://app.example@evil.example/back",
    "https://app.example/back/../other", "http://app.example/back", "//app.example/back", "", None, "javascript:alert(1)",
    "https://app.example/back#x", "https://app.example/%62ack", BACK + " ",
])  # fmt: skip
def test_an_address_that_is_not_the_registered_one_is_led_to_by_nobody(
    site: Any, client: dict[str, Any], address: str | None
) -> None:
    answer = site.get(asked(client, redirect_uri=address), headers=NOBODY)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


def test_an_unknown_program_leads_nowhere(site: Any, client: dict[str, Any]) -> None:
    assert site.get(asked({"client_id": "x"}), headers=NOBODY).status_code == 400
    site.ask("DELETE", f"/auth/clients/{client['client_id']}", headers=ROOT)
    assert site.get(asked(client), headers=NOBODY).status_code == 400


@pytest.mark.requirement("ASVS-10.4.6")
@pytest.mark.parametrize(("changed", "word"), [
    ({"response_type": "token"}, "unsupported_response_type"), ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"code_challenge_method": "plain"}, "invalid_request"), ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"), ({"code_challenge": "short"}, "invalid_request"),
    ({"scope": WRITE}, "invalid_scope"), ({"scope": "*"}, "invalid_scope"), ({"request": "x"}, "request_not_supported"),
])  # fmt: skip
@pytest.mark.requirement("ASVS-10.6.1")
def test_what_else_is_wrong_is_told_to_the_program_by_its_name(
    site: Any, client: dict[str, Any], changed: dict[str, Any], word: str
) -> None:
    answer = site.get(asked(client, **changed), headers=NOBODY)
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.headers["location"].startswith(BACK + "?")
    assert (told["error"], told["state"], told["iss"]) == ([word], ["xyz"], ["http://127.0.0.1:7600"])


@pytest.mark.requirement("ASVS-10.4.2")
def test_the_second_use_of_a_code_ends_what_the_first_one_began(
    site: Any, browser: Any, client: dict[str, Any]
) -> None:
    code = agree(browser.sign_in(), asked(client))["code"]
    first = redeem(site, client, code).json()
    assert site.get("/auth/me", headers=bearer(first["access_token"])).status_code == 200
    assert redeem(site, client, code).status_code == 401
    assert site.get("/auth/me", headers=bearer(first["access_token"])).status_code == 401
    fields = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": client["client_id"]}
    assert site.ask("POST", "/auth/token", data=fields, headers=NOBODY).status_code == 401


@pytest.mark.parametrize("changed", [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"redirect_uri": BACK + "/"},
                                     {"client_id": ""}, {"client_secret": "x"}])  # fmt: skip
def test_a_code_alone_opens_nothing_and_is_gone_after_a_wrong_guess(
    site: Any, browser: Any, client: dict[str, Any], changed: dict[str, str]
) -> None:
    code = agree(browser.sign_in(), asked(client))["code"]
    wrong = redeem(site, client, code, **changed)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_grant")
    assert wrong.content == redeem(site, client, "stmc_other").content


@pytest.mark.requirement("ASVS-10.4.3")
def test_a_code_is_too_old_after_a_minute(site: Any, browser: Any, client: dict[str, Any]) -> None:
    code = agree(browser.sign_in(), asked(client))["code"]
    site.clock.tick(60)
    assert redeem(site, client, code).status_code == 401


def test_a_code_of_another_program_is_not_redeemed(site: Any, browser: Any, client: dict[str, Any]) -> None:
    code = agree(browser.sign_in(), asked(client))["code"]
    assert redeem(site, register(site), code).status_code == 401


@pytest.mark.requirement("ASVS-10.4.10")
def test_a_confidential_program_shows_its_secret(site: Any, browser: Any) -> None:
    made = register(site, confidential=True)
    browser.sign_in()
    for secret in ({}, {"client_secret": "wrong"}):
        assert redeem(site, made, agree(browser, asked(made))["code"], **secret).status_code == 401
    code = agree(browser, asked(made))["code"]
    assert redeem(site, made, code, client_secret=made["client_secret"]).status_code == 200


@pytest.mark.requirement("ASVS-10.4.11", "ASVS-10.3.2")
def test_a_program_gets_no_more_than_the_person_has_and_loses_what_they_lose(
    site: Any, browser: Any, add_person: Any
) -> None:
    """Ines may only read, and the program may write: what it gets reads, until her role is taken away."""
    made = register(site, [READ, WRITE])
    token = redeem(site, made, agree(browser.sign_in(), asked(made, scope=f"{READ} {WRITE}"))["code"]).json()
    assert token["scope"] == READ
    key = bearer(token["access_token"])
    assert site.ask("POST", "/hot", headers=key).status_code == 403
    assert site.get("/api/example/whoami", headers=key).status_code == 200
    from steersman.runtime.identity import accounts

    with site.identity.ports.database.transaction() as transaction:
        row = accounts.row_of(transaction, "ines")
        accounts.set_roles(transaction, row.id, [])
    site.identity.forget_account(row.id)
    assert site.get("/api/example/whoami", headers=key).status_code == 403


@pytest.mark.requirement("ASVS-10.1.1")
def test_a_program_does_not_reach_the_sign_ins_of_its_person(site: Any, browser: Any, client: dict[str, Any]) -> None:
    key = bearer(redeem(site, client, agree(browser.sign_in(), asked(client))["code"]).json()["access_token"])
    asked_for = [
        ("GET", "/auth/sessions"),
        ("POST", "/auth/logout"),
        ("DELETE", "/auth/sessions"),
        ("POST", "/auth/passkeys/offer"),
    ]
    assert {site.ask(method, path, headers=key).status_code for method, path in asked_for} <= {403, 409}
    body = {"password": "a green kettle sings by itself", "new_password": "a blue kettle is quiet at night"}
    assert site.ask("PUT", "/auth/password", json=body, headers=key).status_code == 409


def test_a_refresh_token_works_for_its_program_only(site: Any, browser: Any, client: dict[str, Any]) -> None:
    pair = redeem(site, client, agree(browser.sign_in(), asked(client))["code"]).json()
    fields = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    for other in ({}, {"client_id": register(site)["client_id"]}):
        assert site.ask("POST", "/auth/token", data={**fields, **other}, headers=NOBODY).status_code == 401
    assert site.ask("POST", "/auth/refresh", json=fields, headers=NOBODY).status_code == 401
    good = site.ask("POST", "/auth/token", data={**fields, "client_id": client["client_id"]}, headers=NOBODY)
    assert good.status_code == 200


@pytest.mark.requirement("ASVS-10.4.9", "ASVS-10.7.3")
def test_a_revoked_program_is_out_at_once(site: Any, browser: Any, client: dict[str, Any]) -> None:
    key = bearer(redeem(site, client, agree(browser.sign_in(), asked(client))["code"]).json()["access_token"])
    assert site.get("/auth/me", headers=key).status_code == 200
    assert site.ask("DELETE", f"/auth/clients/{client['client_id']}", headers=ROOT).status_code == 204
    assert site.get("/auth/me", headers=key).status_code == 401


@pytest.mark.requirement("ASVS-10.7.1")
def test_a_no_is_told_and_grants_nothing(browser: Any, client: dict[str, Any]) -> None:
    told = agree(browser.sign_in(), asked(client), "deny")
    assert (told["error"], told["state"], "code" in told) == ("access_denied", "xyz", False)


@pytest.mark.requirement("ASVS-10.7.1")
def test_a_question_is_answered_by_a_person_from_a_page_of_this_site(
    site: Any, browser: Any, client: dict[str, Any]
) -> None:
    """Nobody, a key, a page of another site and a made-up or old ticket get no code."""
    ticket = onward(browser.ask("GET", asked(client)))
    assert site.ask("POST", ticket, data={"decision": "allow"}, headers=NOBODY).status_code == 401
    assert site.ask("POST", ticket, data={"decision": "allow"}, headers=ROOT).status_code == 409
    browser.sign_in()
    foreign = browser.ask("POST", ticket, data={"decision": "allow"}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert browser.ask("POST", ticket[:-4] + "AAAA", data={"decision": "allow"}).status_code == 400
    site.clock.tick(600)
    assert browser.ask("POST", ticket, data={"decision": "allow"}).status_code == 400


@pytest.mark.parametrize("address", ["http://app.example/x", "https://*.example/x", "https://app.example/x#y", "javascript:alert(1)", "myapp:/x",
                                     "https://a@app.example/x", "data:text/html,x", "/x", "", "https://app.example/<x>", "https://"])  # fmt: skip
def test_an_address_that_is_not_one_safe_place_is_not_registered(site: Any, address: str) -> None:
    body = {"name": "x", "redirect_uris": [address], "scopes": [READ]}
    assert site.ask("POST", "/auth/clients", json=body, headers=ROOT).status_code == 400


def test_nobody_registers_a_program_for_more_than_they_have(site: Any, add_person: Any) -> None:
    """Self-granted scopes: an account with a narrow key, or without the permission, gets none through a program."""
    body = {"name": "x", "redirect_uris": [BACK], "scopes": [WRITE]}
    refused = site.ask("POST", "/auth/clients", json=body, headers={"authorization": "Bearer reader-token"})
    assert refused.status_code == 403
