"""Who gets in, and who is told why not."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from steersman.runtime.http.door import COOKIE, SESSION_SECONDS, host_name

WHOAMI = "/api/example/whoami"
NOBODY: dict[str, str] = {}
TOKEN = "the-bootstrap-token"


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer {TOKEN}"}, basic(TOKEN)]
)
def test_the_token_opens_as_bearer_and_as_basic_password(site: Any, headers: dict[str, str]) -> None:
    """Prometheus and Grafana can use either form."""
    assert site.get(WHOAMI, headers=headers).json() == {"subject": "bootstrap"}


@pytest.mark.parametrize(
    "headers",
    [
        NOBODY,
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer "},
        {"authorization": f"Digest {TOKEN}"},
        {"authorization": "Basic !!!"},
        basic("wrong"),
        basic(""),
        {"cookie": f"{COOKIE}={TOKEN}"},
        {"cookie": f"{COOKIE}=1767225600.{'0' * 64}"},
        {"cookie": f"{COOKIE}=99999999999999999999.00"},
    ],
)
@pytest.mark.parametrize("path", [WHOAMI, "/hot", "/metrics", "/openapi.json", "/nowhere", "/"])
@pytest.mark.requirement("ASVS-8.2.1", "ASVS-13.4.5")
def test_everybody_else_is_asked_for_the_token(site: Any, path: str, headers: dict[str, str]) -> None:
    """Without a valid key every path answers alike, whether it exists or not."""
    answer = site.get(path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="steersman"')
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_anybody_may_ask_whether_it_lives(site: Any, path: str) -> None:
    """Probes carry no token."""
    assert site.get(path, headers=NOBODY).status_code == 200


@pytest.mark.parametrize(
    "path", ["/healthz/", "//healthz", "/healthz/../metrics", "/static/../metrics", "/static/%2e%2e/metrics"]
)
@pytest.mark.requirement("ASVS-8.3.1")
def test_no_spelling_of_an_open_path_opens_another(site: Any, path: str) -> None:
    """Only the exact open paths are open."""
    assert site.get(path, headers=NOBODY).status_code in {400, 401, 404}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7600", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:7600", 200),
        ("steersman.example", 200),
        ("evil.example:7600", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost@evil.example", 421),
        ("", 421),
        ("[::1", 421),
        ("10.1.2.3", 421),
    ],
)
@pytest.mark.parametrize("insecure", [False, True])
def test_a_host_that_is_not_ours_is_refused_before_the_key(
    make_site: Any, host: str, status: int, insecure: bool
) -> None:
    """A name that was re-pointed at this machine (DNS rebinding) gets nowhere, also with --insecure."""
    site = make_site(allowed_hosts=["Steersman.example"], insecure=insecure).start()
    answer = site.get(WHOAMI, headers={"authorization": f"Bearer {TOKEN}", "host": host})
    assert answer.status_code == status
    assert site.get("/healthz", headers={"host": host}).status_code == status


def test_insecure_asks_for_nothing(make_site: Any) -> None:
    """Under --insecure the anonymous caller may do everything."""
    assert make_site(insecure=True).start().get(WHOAMI, headers=NOBODY).json() == {"subject": "anonymous"}


@pytest.mark.requirement("ASVS-3.5.1")
def test_a_page_of_another_origin_changes_nothing(make_site: Any) -> None:
    """Neither a cookie nor --insecure lets a foreign page act through somebody's browser."""
    site = make_site(insecure=True).start()
    assert site.ask("POST", "/hot", headers={"origin": "http://evil.example"}).status_code == 403
    assert site.ask("POST", "/hot", headers={"origin": "http://127.0.0.1:3000"}).status_code == 403
    assert site.ask("POST", "/hot", headers={"origin": "http://127.0.0.1:7600"}).status_code == 200


def test_a_link_with_the_token_becomes_a_session(site: Any) -> None:
    """The token leaves the address at once, and the cookie does not hold it."""
    entered = site.get(f"/?token={TOKEN}&lang=zh", headers=NOBODY)
    assert (entered.status_code, entered.headers["location"]) == (303, "/?lang=zh")
    cookie = entered.headers["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    session = {"cookie": f"other=1; {cookie.partition(';')[0]}"}
    assert site.get(WHOAMI, headers=session).json() == {"subject": "bootstrap"}
    site.clock.tick(SESSION_SECONDS + 1)
    assert site.get(WHOAMI, headers=session).status_code == 401


@pytest.mark.requirement("ASVS-3.7.2")
def test_the_form_leads_back_to_where_a_person_wanted_to_go(site: Any) -> None:
    """A browser without a session gets the form with a 401; posting the token redirects inside this server only."""
    asked = site.get("/somewhere", headers={"accept": "text/html"})
    assert (asked.status_code, asked.headers["content-type"]) == (401, "text/html; charset=utf-8")
    for wanted, lands in {
        "/somewhere": "/somewhere",
        "//evil.example": "/",
        "https://evil.example": "/",
        "/\\evil": "/",
    }.items():
        entered = site.ask("POST", "/login", data={"token": TOKEN, "to": wanted}, headers=NOBODY)
        assert (entered.status_code, entered.headers["location"]) == (303, lands)
    refused = site.ask("POST", "/login", data={"token": "wrong"}, headers=NOBODY)
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers


def test_leaving_forgets_the_session(site: Any) -> None:
    """Signing out clears the cookie."""
    assert 'steersman_session=""' in site.ask("POST", "/logout").headers["set-cookie"]


@pytest.mark.parametrize("path", ["/healthz", WHOAMI, "/hot", "/nowhere", "/login"])
@pytest.mark.requirement("ASVS-3.4.4", "ASVS-3.4.5")
def test_every_answer_carries_the_security_headers_once(site: Any, path: str) -> None:
    """Whatever answers, no script from elsewhere, no framing, no sniffing, no referrer."""
    headers = site.get(path).headers
    for name in ("content-security-policy", "x-content-type-options", "referrer-policy", "x-frame-options"):
        assert len(headers.get_list(name)) == 1
    assert "unsafe-inline" not in headers["content-security-policy"]


def test_addresses_are_read_as_browsers_write_them() -> None:
    """Ports and brackets are not part of a name."""
    assert [host_name(text) for text in ("A.b:1", "[::1]:7", "x")] == ["a.b", "::1", "x"]
