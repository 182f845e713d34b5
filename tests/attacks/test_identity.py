"""Classes of attack on accounts, sign-ins and delegated access, as published for Keycloak and its kin."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

READ, WRITE = "platform.status.read", "identity.users.write"


@pytest.fixture(scope="module")
def program(target: Any) -> dict[str, Any]:
    found: dict[str, Any] = target.program(READ)
    return found


@pytest.mark.requirement("ASVS-10.4.1")
@pytest.mark.parametrize("address", [
    "https://app.example/back/../../evil", "https://app.example/back/", "https://app.example/backdoor", "https://app.example.evil.example/back",
    "https://app.example@evil.example/back", "https://evil.example\\@app.example/back", "https://app.example/back?x=1", "https://app.example/back#x",
    "HTTPS://APP.EXAMPLE/back", "http://app.example/back", "//app.example/back", "", "https://app.example/%62ack",
])  # fmt: skip
def test_keycloak_redirect_almost_as_registered(target: Any, program: dict[str, Any], address: str) -> None:
    """CVE-2023-6291, CVE-2024-1132, CVE-2024-8883: an address that a lenient comparison takes for the registered one."""
    answer = target.ask("GET", target.question(program, redirect_uri=address))
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.requirement("ASVS-10.4.1")
@pytest.mark.parametrize("address", [
    "javascript:alert(1)//", "data:text/html,<script>alert(1)</script>", "https://*.example/back", "https://app.example/*", "http://app.example/back",
    "https://user:pass@app.example/back", "file:///etc/passwd", "vbscript:x", "https://app.example/back#fragment", "back",
])  # fmt: skip
def test_keycloak_wildcards_and_scripts_as_addresses(target: Any, address: str) -> None:
    """CVE-2023-6927 and CVE-2023-6717: what may not be registered can never be led to."""
    body = {"name": "Evil", "redirect_uris": [address], "scopes": [READ]}
    assert target.root("POST", "/auth/clients", json=body).status_code == 400


def test_keycloak_fetching_what_the_request_names(target: Any, program: dict[str, Any]) -> None:
    """CVE-2020-10770: `request_uri` makes the server ask an address of the attacker's choice."""
    answer = target.ask("GET", target.question(program, request_uri="http://169.254.169.254/latest/meta-data"))
    assert answer.status_code == 303
    assert "request_not_supported" in answer.headers["location"]


@pytest.mark.requirement("ASVS-10.4.6")
def test_keycloak_code_without_its_proof(target: Any, program: dict[str, Any]) -> None:
    """A code that was caught on its way is worth nothing without the verifier, and plain PKCE is not offered."""
    person = target.person("viewer")
    code = target.agreed(target.browser(person), target.question(program))["code"]
    for verifier in ("w" * 43, target.CHALLENGE, ""):
        assert target.redeem(program, code, code_verifier=verifier).status_code in {400, 401}
    answer = target.ask("GET", target.question(program, code_challenge_method="plain"))
    assert "invalid_request" in answer.headers["location"]


@pytest.mark.requirement("ASVS-10.4.2")
def test_keycloak_code_twice(target: Any, program: dict[str, Any]) -> None:
    """A code that comes back was stolen: its second use ends what the first one began."""
    person = target.person("viewer")
    code = target.agreed(target.browser(person), target.question(program))["code"]
    first = target.redeem(program, code)
    assert first.status_code == 200
    opened = {"authorization": f"Bearer {first.json()['access_token']}"}
    assert target.ask("GET", "/auth/me", opened).status_code == 200
    assert target.redeem(program, code).status_code in {400, 401}
    assert target.ask("GET", "/auth/me", opened).status_code == 401


def test_keycloak_code_of_another_client(target: Any, program: dict[str, Any]) -> None:
    """CVE-2023-0264 and its kin: a code for one client, redeemed by another."""
    other = target.program(READ)
    code = target.agreed(target.browser(target.person("viewer")), target.question(program))["code"]
    assert target.redeem(other, code).status_code in {400, 401}


@pytest.mark.requirement("ASVS-10.4.11")
def test_keycloak_scopes_that_nobody_granted(target: Any) -> None:
    """CVE-2026-9795 and the self-granted scopes of 2026: a program gets what it, and the person, may have, and no more."""
    program = target.program(READ, WRITE)
    viewer = target.person("viewer")
    code = target.agreed(target.browser(viewer), target.question(program))["code"]
    pair = target.redeem(program, code).json()
    me = target.ask("GET", "/auth/me", {"authorization": f"Bearer {pair['access_token']}"}).json()
    assert me["permissions"] == [READ]
    wider = {
        "grant_type": "refresh_token",
        "refresh_token": pair["refresh_token"],
        "client_id": program["client_id"],
        "scope": f"{READ} {WRITE} *",
    }
    again = target.ask("POST", "/auth/token", data=wider).json()
    me = target.ask("GET", "/auth/me", {"authorization": f"Bearer {again['access_token']}"}).json()
    assert me["permissions"] == [READ]
    answer = target.ask("GET", target.question(target.program(READ), scope=f"{READ} {WRITE}"))
    assert "invalid_scope" in answer.headers["location"]


def test_keycloak_somebody_else_s_program(target: Any, program: dict[str, Any]) -> None:
    """A person without the permission registers no program, nor sees the others'."""
    operator = target.person("operator")
    body = {"name": "Mine", "redirect_uris": [target.BACK], "scopes": ["*"]}
    assert target.ask("POST", "/auth/clients", operator.headers, json=body).status_code == 403
    assert target.ask("GET", "/auth/clients", operator.headers).status_code == 403
    assert target.ask("DELETE", f"/auth/clients/{program['client_id']}", operator.headers).status_code == 403


@pytest.mark.requirement("ASVS-8.3.1")
@pytest.mark.parametrize(
    "path", ["/api/identity/users", "/api/identity/roles", "/api/platform/settings", "/api/audit/entries"]
)
def test_keycloak_administration_for_anybody(target: Any, path: str) -> None:
    """CVE-2024-3656: what the page hides from a low account, the API gives away."""
    assert target.ask("GET", path, target.person("guest").headers).status_code == 403


@pytest.mark.requirement("ASVS-8.2.3", "ASVS-8.3.1")
def test_keycloak_making_oneself_more(target: Any) -> None:
    """CVE-2025-7784: who may manage people makes themselves, or a friend, an administrator."""
    target.root("PUT", "/api/identity/roles/registrar", json={"permissions": ["identity.users.read", WRITE]})
    registrar = target.person("registrar")
    mine = f"/api/identity/users/{registrar.name}"
    assert target.ask("PATCH", mine, registrar.headers, json={"roles": ["registrar", "admin"]}).status_code == 403
    friend = {"name": "friend", "password": target.PASSWORD, "roles": ["admin"]}
    assert target.ask("POST", "/api/identity/users", registrar.headers, json=friend).status_code == 403
    group = {"roles": ["admin"], "members": [registrar.name]}
    assert target.ask("PUT", "/api/identity/groups/climbers", registrar.headers, json=group).status_code == 403
    role = {"permissions": ["*"]}
    assert target.ask("PUT", "/api/identity/roles/registrar", registrar.headers, json=role).status_code == 403


def test_keycloak_taking_over_a_stronger_account(target: Any) -> None:
    """Who may set passwords sets the one of an administrator, and signs in as them."""
    target.root("PUT", "/api/identity/roles/helpdesk", json={"permissions": ["identity.users.read", WRITE]})
    helper, admin = target.person("helpdesk"), target.person("admin")
    body = {"password": "another sentence that is long"}
    assert target.ask("PUT", f"/api/identity/users/{admin.name}/password", helper.headers, json=body).status_code == 403
    assert target.sign_in(admin.name).status_code == 200


def test_keycloak_fields_that_were_not_asked_for(target: Any) -> None:
    """Mass assignment: a field that the form does not have is refused, not stored."""
    person = target.person("viewer")
    for more in (
        {"kind": "service"},
        {"tenant": "other"},
        {"id": "1"},
        {"disabled": False, "admin": True},
        {"password_hash": "x"},
    ):
        assert target.root("PATCH", f"/api/identity/users/{person.name}", json=more).status_code == 400


def test_keycloak_one_name_in_two_spellings(target: Any) -> None:
    """CVE-2021-3754 and its kin: an account whose name looks like another's, or is it to another part of the system."""
    target.person("viewer", name="mallory.smith")
    for other in (
        "MALLORY.SMITH",
        "mallory.smith ",
        "\uff4dallory.smith",
        "mallory.smith\u200b",
        "mallory.smith\u0000",
    ):
        body = {"name": other, "password": target.PASSWORD, "roles": []}
        assert target.root("POST", "/api/identity/users", json=body).status_code in {400, 409}, other


@pytest.mark.requirement("ASVS-6.3.1")
def test_keycloak_guessing_at_once(target: Any) -> None:
    """CVE-2024-4629: many guesses side by side are counted as if they came one after the other."""
    person = target.person("viewer")
    with ThreadPoolExecutor(20) as many:
        found = [
            *many.map(
                lambda number: target.sign_in(person.name, f"guess number {number}", place="127.2.0.1").status_code,
                range(60),
            )
        ]
    assert set(found) <= {401, 429}
    assert found.count(401) < 30


@pytest.mark.requirement("ASVS-6.5.1")
def test_keycloak_one_time_code_twice(target: Any) -> None:
    """CVE-2024-7318 and its kin: a code that was used, or is over, opens nothing more."""
    person = target.person("viewer")
    app = target.factor(person)
    now = app.now()
    assert target.sign_in(person.name, totp=now).status_code == 401
    assert target.sign_in(person.name, totp=app.at(0)).status_code == 401
    assert target.sign_in(person.name, totp=app.at(time.time() + 30)).status_code == 200


@pytest.mark.requirement("ASVS-6.3.3")
def test_keycloak_without_the_second_factor(target: Any) -> None:
    """CVE-2025-3910, CVE-2023-3597: the password alone opens nothing, and brings no new factor along."""
    person = target.person("viewer")
    target.factor(person)
    for code in ("", "000000", "0" * 40):
        answer = target.sign_in(person.name, totp=code)
        assert (answer.status_code, "access_token" in answer.json()) == (401, False)


@pytest.mark.requirement("ASVS-7.2.4")
def test_keycloak_session_that_was_set_before(target: Any) -> None:
    """CVE-2023-6787 and session fixation: signing in gives a session that nobody can have known."""
    person = target.person("viewer")
    browser = target.client(cookies={"steersman_session": "stms_planted"})
    form = {"username": person.name, "password": target.PASSWORD, "to": "/"}
    answer = browser.post("/login", data=form, headers={"origin": target.origin, "accept": "text/html"})
    given = answer.headers["set-cookie"]
    assert "planted" not in given
    assert target.ask("GET", "/auth/me", {"cookie": "steersman_session=stms_planted"}).status_code == 401


@pytest.mark.requirement("ASVS-7.4.2")
def test_keycloak_session_of_a_disabled_account(target: Any) -> None:
    """CVE-2022-3916 and its kin: offline and refreshed sessions go on for somebody who is not to be there any more."""
    person = target.person("viewer")
    browser = target.browser(person)
    key = target.ask(
        "POST", "/auth/keys", person.headers, json={"label": "mine", "scopes": ["*"], "password": target.PASSWORD}
    )
    assert target.root("PATCH", f"/api/identity/users/{person.name}", json={"disabled": True}).status_code == 200
    assert target.ask("GET", "/auth/me", person.headers).status_code == 401
    assert target.ask("POST", "/auth/refresh", json={"refresh_token": person.refresh}).status_code == 401
    assert browser.get("/auth/me").status_code == 401
    if key.status_code == 200:
        assert target.ask("GET", "/auth/me", {"authorization": f"Bearer {key.json()['key']}"}).status_code == 401


@pytest.mark.requirement("ASVS-10.4.5")
def test_keycloak_refresh_token_from_another_hand(target: Any, program: dict[str, Any]) -> None:
    """A refresh token belongs to the client that got it."""
    code = target.agreed(target.browser(target.person("viewer")), target.question(program))["code"]
    token = target.redeem(program, code).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": target.program(READ)["client_id"]}
    assert target.ask("POST", "/auth/token", data=form).status_code == 401


@pytest.mark.requirement("ASVS-6.3.8")
def test_keycloak_telling_who_has_an_account(target: Any) -> None:
    """User enumeration: the answer to a wrong password is the answer to a name that does not exist."""
    person = target.person("viewer")
    known, unknown = (
        target.sign_in(person.name, "not the password"),
        target.sign_in("nobody-of-that-name", "not the password"),
    )
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert {*known.headers} == {*unknown.headers}


@pytest.mark.requirement("ASVS-3.5.1")
def test_keycloak_change_from_another_site(target: Any) -> None:
    """Cross-site requests: a page elsewhere makes a browser send a change along with its cookie."""
    browser = target.browser(target.person("admin"))
    body = {"name": "planted", "password": target.PASSWORD, "roles": ["admin"]}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"{target.origin}.evil.example"},
    ):
        assert browser.post("/api/identity/users", json=body, headers=headers).status_code == 403


def test_keycloak_frames(target: Any) -> None:
    """CVE-2020-1728: no page of ours inside somebody else's frame."""
    headers = target.ask("GET", "/login").headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.requirement("ASVS-7.4.1")
def test_litellm_session_after_it_ended(target: Any) -> None:
    """CVE-2026-12796, and Open WebUI's tokens that outlive the sign-out: what was ended stays ended everywhere."""
    person = target.person("viewer")
    browser = target.browser(person)
    assert target.ask("POST", "/auth/logout", person.headers).status_code == 200
    assert target.ask("GET", "/auth/me", person.headers).status_code == 401
    assert target.ask("POST", "/auth/refresh", json={"refresh_token": person.refresh}).status_code == 401
    cookie = dict(browser.cookies)
    browser.post("/logout", headers={"origin": target.origin})
    assert (
        target.ask(
            "GET", "/auth/me", {"cookie": "; ".join(f"{name}={value}" for name, value in cookie.items())}
        ).status_code
        == 401
    )


@pytest.mark.requirement("ASVS-7.4.3")
def test_open_webui_session_after_a_new_password(target: Any) -> None:
    """A password is changed because somebody else knows it: their sessions end with it."""
    person = target.person("viewer")
    other = target.sign_in(person.name).json()["access_token"]
    body = {"password": target.PASSWORD, "new_password": "quite another long sentence"}
    answer = target.ask("PUT", "/auth/password", person.headers, json=body)
    assert answer.status_code == 200, answer.text
    assert target.ask("GET", "/auth/me", {"authorization": f"Bearer {other}"}).status_code == 401


@pytest.mark.requirement("ASVS-8.3.2")
def test_open_webui_role_that_was_taken_away(target: Any) -> None:
    """A token does not go on granting what its owner lost."""
    person = target.person("admin")
    assert target.ask("GET", "/api/identity/users", person.headers).status_code == 200
    assert target.root("PATCH", f"/api/identity/users/{person.name}", json={"roles": ["guest"]}).status_code == 200
    assert target.ask("GET", "/api/identity/users", person.headers).status_code == 403


@pytest.mark.requirement("ASVS-8.2.2")
def test_open_webui_other_people_s_objects(target: Any) -> None:
    """CVE-2026-45671, CVE-2026-44569: the id of somebody else's object is enough to change it."""
    ines, otto = target.person("viewer"), target.person("viewer")
    session = target.ask("GET", "/auth/sessions", otto.headers).json()[0]["id"]
    assert target.ask("DELETE", f"/auth/sessions/{session}", ines.headers).status_code == 404
    assert target.ask("GET", f"/auth/people/{otto.name}/sessions", ines.headers).status_code == 403
    assert target.ask("GET", "/auth/me", otto.headers).status_code == 200
