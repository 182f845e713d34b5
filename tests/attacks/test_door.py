"""Classes of attack on the way in: hosts, paths, bodies, addresses and pages, as published for Starlette, LiteLLM, Open WebUI."""

from __future__ import annotations

import json
from typing import Any

import pytest

UNKNOWN_HOSTS = ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "localhost/auth/me?", "localhost:7600:80", "[::1", "", "localhost evil"]  # fmt: skip


@pytest.mark.parametrize("host", UNKNOWN_HOSTS)
def test_starlette_host_that_poisons_the_address(target: Any, host: str) -> None:
    """CVE-2026-48710: a Host header with a path in it makes the checked path another one than the routed path."""
    assert target.path("/api/identity/users", host=host or "\t") in {400, 421}


@pytest.mark.requirement("ASVS-4.2.1")
def test_starlette_path_that_poisons_the_host(target: Any) -> None:
    """CVE-2026-54282: a target without its slash moves the border between host and path."""
    for wanted in ("@evil.example/", "evil.example/auth/me", "*", "http:/auth/me"):
        assert target.path(wanted) in {400, 401, 404, 421}
    page = target.raw(b"GET /login?to=//evil.example HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"evil.example" not in page.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize("wanted", [
    "/api/identity/users", "//api/identity/users", "/./api/identity/users", "/api//identity/users", "/login/../api/identity/users",
    "/static/../api/identity/users", "/healthz/../api/identity/users", "/%61pi/identity/users", "/api/identity/users/", "/API/identity/users",
    "/api/identity/users;/login", "/api/identity/users%00", "/healthz;/api/identity/users", "/api/identity/users%2f", "/auth/jwks/..%2f..%2fapi/identity/users",
])  # fmt: skip
def test_starlette_other_ways_to_write_a_path(target: Any, wanted: str) -> None:
    """The path that is checked is the path that is served: no spelling gets past without a key."""
    assert target.path(wanted) in {307, 400, 401, 404}


@pytest.mark.requirement("ASVS-5.3.2")
@pytest.mark.parametrize("wanted", [
    "/static/../../../../etc/passwd", "/static/..%2f..%2f..%2fetc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static//etc/passwd",
    "/static/....//....//etc/passwd", "/static/..\\..\\etc\\passwd", "/static/%5c..%5c..%5cetc/passwd", "/static-secret/key", "/static/../templates/login.html",
])  # fmt: skip
def test_starlette_files_beside_the_folder(target: Any, wanted: str) -> None:
    """CVE-2023-29159, and CVE-2024-6707 of Open WebUI: a file outside the folder, or beside it with its name as a prefix."""
    lines = [
        f"GET {wanted} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in target.ROOT.items()),
        "Connection: close",
    ]
    answer = target.raw("\r\n".join([*lines, "", ""]).encode())
    assert answer.split(b" ", 2)[1] in {b"400", b"404"}
    assert b"root:" not in answer


@pytest.mark.requirement("ASVS-1.3.12")
def test_starlette_ranges_without_an_end(target: Any) -> None:
    """CVE-2025-62727: a Range of many thousand parts costs their square."""
    ranges = "bytes=" + ",".join(f"{place}-" for place in range(12_000))
    page = target.ask("GET", "/login").text
    script = next(word for word in page.replace("'", '"').split('"') if word.startswith("/static/"))
    assert target.ask("GET", script, {"range": ranges[:60_000]}).status_code in {200, 206, 400, 416, 431}
    assert target.ask("GET", "/healthz").status_code == 200


@pytest.mark.requirement("ASVS-4.1.4", "ASVS-5.2.1")
@pytest.mark.parametrize("path", ["/auth/token", "/login"])
def test_starlette_forms_without_an_end(target: Any, path: str) -> None:
    """CVE-2023-30798, CVE-2024-47874, CVE-2025-54121: parts without a name, by the thousand or without an end."""
    parts = "".join(f'--x\r\nContent-Disposition: form-data; name="a{number}"\r\n\r\n1\r\n' for number in range(5_000))
    answer = target.ask("POST", path, {"content-type": "multipart/form-data; boundary=x"}, content=f"{parts}--x--\r\n")
    assert answer.status_code in {400, 401, 413, 415, 200}
    assert "access_token" not in answer.text
    fields = "&".join(f"a{number}=1" for number in range(50_000))
    answer = target.ask("POST", path, {"content-type": "application/x-www-form-urlencoded"}, content=fields)
    assert answer.status_code in {400, 401, 413, 200}


def test_starlette_type_of_content_as_a_riddle(target: Any) -> None:
    """CVE-2024-24762: a Content-Type on which a careless expression works for minutes."""
    riddle = 'application/x-www-form-urlencoded; !="' + "\\" * 20_000
    assert target.ask("POST", "/auth/token", {"content-type": riddle}, content="grant_type=password").status_code in {
        400,
        401,
        415,
        431,
    }


def test_litellm_boundary_that_never_comes(target: Any) -> None:
    """CVE-2024-8984: signs behind a boundary are read one by one for ever."""
    body = "--x\r\n" + "-" * 900_000
    answer = target.ask("POST", "/auth/token", {"content-type": "multipart/form-data; boundary=x"}, content=body)
    assert answer.status_code in {400, 401, 413, 415}


@pytest.mark.requirement("ASVS-1.2.4")
@pytest.mark.parametrize(
    "key",
    [
        "' OR '1'='1",
        "x' UNION SELECT key FROM identity_keys --",
        "stmk_' OR 1=1 --",
        "%27%20OR%201=1",
        "';DROP TABLE journal;--",
    ],
)
def test_litellm_question_in_the_key(target: Any, key: str) -> None:
    """CVE-2026-42208: the key that is checked becomes a part of the query that checks it."""
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"cookie": f"steersman_session={key}"},
        {"cookie": f"steersman_session=stms_{key}"},
    ):
        assert target.ask("GET", "/api/identity/users", headers).status_code == 401
    assert target.sign_in(key, key).status_code == 401
    assert target.root("GET", "/api/identity/users").status_code == 200


@pytest.mark.requirement("ASVS-1.2.4")
@pytest.mark.parametrize(
    "words",
    ["x' OR 1=1 --", "x') UNION SELECT password FROM identity_accounts --", 'x" OR ""="', "x;DROP TABLE journal"],
)
def test_litellm_question_in_a_field(target: Any, words: str) -> None:
    """CVE-2024-4890, CVE-2024-5225: a field of an administrator's request is glued into a query."""
    for path in ("/api/identity/users/{}", "/api/identity/groups/{}", "/api/ops/incidents/{}", "/api/traces/{}"):
        method = "PUT" if "groups" in path else "GET"
        body = {"json": {"roles": [], "members": []}} if method == "PUT" else {}
        assert target.root(method, path.format(words.replace(" ", "%20").replace('"', "%22")), **body).status_code in {
            400,
            403,
            404,
            405,
        }
    answer = target.root("GET", "/api/logs/search", params={"query": words, "limit": 10})
    assert answer.status_code in {200, 400, 403}


@pytest.mark.requirement("ASVS-1.3.7")
@pytest.mark.parametrize(
    "words",
    [
        "{{7*191}}",
        "${7*191}",
        "{% for x in [7*191] %}{{x}}{% endfor %}",
        "#{7*191}",
        "<%= 7*191 %>",
    ],
)
def test_litellm_words_as_a_template(target: Any, words: str) -> None:
    """CVE-2024-2952: what somebody wrote is rendered as a template of the server's."""
    role = {"help": words, "permissions": ["platform.status.read"]}
    assert target.root("PUT", "/api/identity/roles/worded", json=role).status_code in {200, 400, 403}
    pages = [target.root("GET", path).text for path in ("/", "/ops", "/api/identity/roles")]
    pages.append(target.ask("GET", "/login", params={"to": "/" + words}).text)
    assert not any("1337" in page for page in pages)


def test_litellm_key_in_the_log(target: Any) -> None:
    """CVE-2024-9606, CVE-2025-0330: keys, passwords and tokens in log files."""
    person = target.person("viewer")
    target.sign_in(person.name, "a wrong but telling password")
    target.ask("GET", "/auth/me?token=a-telling-token", person.headers)
    target.root(
        "POST", "/api/identity/users", json={"name": "x", "password": "a telling sentence of words", "extra": 1}
    )
    kept = b"".join(
        path.read_bytes()
        for path in target.system.folder.rglob("*")
        if path.is_file() and path.suffix in {".log", ".db", ".db-wal"}
    )
    for secret in (
        b"telling password",
        person.access.encode(),
        person.refresh.encode(),
        b"telling sentence",
        target.PASSWORD.encode(),
        b"bench-token-0123456789abcdef",
    ):
        assert secret not in kept, secret


def test_litellm_error_that_tells_a_secret(target: Any) -> None:
    """Errors that repeat what was sent, or how the inside looks."""
    for body in (b"{", b'{"name": "x", "password": ["a telling sentence"]}', b"\xff\xfe", b"[]"):
        answer = target.ask(
            "POST", "/api/identity/users", {**target.ROOT, "content-type": "application/json"}, content=body
        )
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        for word in ("telling sentence", "Traceback", "site-packages", "sqlite", "pydantic"):
            assert word not in answer.text


@pytest.mark.requirement("ASVS-1.5.2")
def test_litellm_depth_without_an_end(target: Any) -> None:
    """CVE-2024-10188: a value nested so deep that reading it ends the process."""
    deep = b"[" * 200_000
    for path in ("/auth/refresh", "/api/v2/alerts", "/api/identity/users"):
        answer = target.ask("POST", path, {**target.ROOT, "content-type": "application/json"}, content=deep)
        assert answer.status_code in {400, 413}
    assert target.ask("GET", "/readyz").status_code == 200


@pytest.mark.requirement("ASVS-1.3.6")
@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:22/", "file:///etc/passwd", "gopher://127.0.0.1/"],
)
def test_litellm_address_of_the_caller_s_choice(target: Any, address: str) -> None:
    """CVE-2024-6587, CVE-2025-65958 (Open WebUI): a caller names the address that the server asks."""
    document = target.root("GET", "/openapi.json").json()
    asking = [name for operations in document["paths"].values() for operation in operations.values()
              for name in json.dumps(operation).split('"') if name in {"api_base", "webhook_url", "callback_url", "fetch_url"}]  # fmt: skip
    assert asking == []
    body = {"name": "Fetcher", "redirect_uris": [address], "scopes": ["platform.status.read"]}
    answer = target.root("POST", "/auth/clients", json=body)
    assert answer.status_code in {200, 400} if address.startswith("http://127") else answer.status_code == 400


@pytest.mark.requirement("ASVS-8.3.1")
def test_litellm_settings_by_anybody(target: Any) -> None:
    """CVE-2026-35029, CVE-2025-0628: any signed-in account changes the settings of the whole system."""
    viewer = target.person("viewer")
    for path in ("/api/ops/policies", "/api/platform/knobs/in_flight_limit"):
        assert target.ask("PUT", path, viewer.headers, json={}).status_code == 403
    for path in ("/api/ops/policies/freeze", "/api/ops/policies/stop", "/auth/signing-keys"):
        assert target.ask("POST", path, viewer.headers, json={}).status_code == 403


@pytest.mark.requirement("ASVS-1.2.1", "ASVS-3.2.2")
def test_open_webui_script_in_a_name(target: Any) -> None:
    """CVE-2024-7990, CVE-2025-64495, CVE-2022-0225 (Keycloak): a script in a name runs in an administrator's browser."""
    script = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    target.root("PUT", "/api/identity/roles/scripted", json={"help": script, "permissions": ["platform.status.read"]})
    alert = [{"labels": {"alertname": script, "instance": script}, "annotations": {"summary": script}}]
    assert target.root("POST", "/api/v2/alerts", json=alert).status_code in {200, 202, 403}
    for path in ("/", "/ops", "/login", "/account"):
        page = target.root("GET", path)
        assert "<img src=x" not in page.text
        assert "<script>" not in page.text


@pytest.mark.requirement("ASVS-3.4.3")
def test_open_webui_page_that_would_run_it(target: Any) -> None:
    """And if one did get in: no page may run a script that stands inside it."""
    for path in ("/login", "/", "/api/platform/status", "/nothing/here"):
        policy = target.root("GET", path).headers["content-security-policy"]
        assert "unsafe-inline" not in policy
        assert "unsafe-eval" not in policy
        assert "default-src 'none'" in policy


@pytest.mark.requirement("ASVS-3.2.1")
def test_keycloak_error_page_that_repeats(target: Any) -> None:
    """CVE-2021-20323, CVE-2022-4361: what was asked comes back as a page."""
    script = "%3Cscript%3Ealert(1)%3C/script%3E"
    for path in (
        f"/{script}",
        f"/api/identity/users/{script}",
        f"/auth/authorize?client_id={script}",
        f"/login?to={script}",
    ):
        answer = target.ask("GET", path, {**target.ROOT, "accept": "application/json"})
        assert "<script>alert" not in answer.text or answer.headers["content-type"].startswith("application/")
        assert answer.headers["x-content-type-options"] == "nosniff"
    answer = target.ask("POST", "/auth/refresh", json={"<script>alert(1)</script>": 1})
    assert answer.headers["content-type"].startswith("application/")


@pytest.mark.requirement("ASVS-3.3.1", "ASVS-3.3.2", "ASVS-3.3.4")
def test_open_webui_cookie_for_scripts(target: Any) -> None:
    """CVE-2024-7053: a session that a script can read, or another site's page can send along."""
    person = target.person("viewer")
    form = {"username": person.name, "password": target.PASSWORD, "to": "/"}
    given = target.ask("POST", "/login", {"origin": target.origin}, data=form).headers["set-cookie"].lower()
    assert "httponly" in given
    assert "samesite=strict" in given


@pytest.mark.requirement("ASVS-3.4.2", "ASVS-3.5.2")
def test_open_webui_every_origin(target: Any) -> None:
    """A star, or an echo, in the answer to a page of another origin."""
    for method in ("GET", "OPTIONS"):
        headers = {**target.ROOT, "origin": "https://evil.example", "access-control-request-method": "GET"}
        assert "access-control-allow-origin" not in target.ask(method, "/api/platform/status", headers).headers


@pytest.mark.requirement("ASVS-4.3.1")
def test_open_webui_work_without_a_key(target: Any) -> None:
    """CVE-2024-12537: whoever has no key costs nothing: a large body is not read before it is refused."""
    for path in ("/api/v1/write", "/v1/logs", "/api/telemetry/query", "/api/identity/users"):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n".encode()
        assert target.status_of(head) in {401, 413}


def test_open_webui_answer_that_is_kept(target: Any) -> None:
    """What holds tokens is kept by no cache."""
    answer = target.sign_in(target.person("viewer").name)
    assert answer.headers["cache-control"] == "no-store"
