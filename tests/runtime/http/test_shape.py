"""Requests that a proxy and this server could read differently, told over raw sockets to a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runtime.http.conftest import TOKEN, Site

from steersman.model.errors import InvalidInput
from steersman.runtime.http.server import Server, listen
from steersman.runtime.http.shape import check_headers, check_path

BEARER = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"


def said(site: Any, request: bytes) -> bytes:
    """Send bytes as they are and return all that the server answers until it hangs up or falls silent."""

    async def talk() -> bytes:
        sock = listen("127.0.0.1", 0)
        server = Server(site.front)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve([sock]))
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(request)
            writer.write_eof()
            async with asyncio.timeout(20):
                answer = await reader.read()
            writer.close()
            server.should_exit = True
        return answer

    return asyncio.run(talk())


@pytest.fixture(scope="module")
def standing(tmp_path_factory: Any) -> Site:
    return Site(Path(tmp_path_factory.mktemp("site"))).start()


@pytest.mark.requirement("ASVS-4.2.1")
@pytest.mark.parametrize(
    "head",
    [
        b"Host: localhost\r\nHost: evil.example\r\n" + BEARER,
        b"Host: localhost\r\n" + BEARER + BEARER,
        b"Host: localhost\r\nContent-Length: 4\r\nContent-Length: 5\r\n" + BEARER,
        b"Host: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n" + BEARER,
        b"Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + BEARER,
        b"Host: localhost\r\nTransfer-Encoding : chunked\r\n" + BEARER,
        b"Host: localhost\r\nContent-Length: +4\r\n" + BEARER,
        b"Host: localhost\r\nContent-Length: 4\n\r\n",
        b"Host: localhost\r\n X-Folded: a\r\n" + BEARER,
    ],
)
def test_what_could_smuggle_a_second_request_is_refused_and_never_answered_twice(standing: Any, head: bytes) -> None:
    """Neither two lengths nor two hosts are chosen between, and what follows is not taken for a request."""
    answer = said(
        standing, b"POST /hot HTTP/1.1\r\n" + head + b"\r\n4\r\nabcd\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"
    )
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert b"alive" not in answer


@pytest.mark.requirement("ASVS-1.1.1")
@pytest.mark.parametrize(
    "path",
    [
        b"//hot",
        b"/static/../hot",
        b"/static/%2e%2e/hot",
        b"/x%2fhot",
        b"/x%5chot",
        b"/x\\hot",
        b"/hot%00",
        b"/%252e%252e/hot",
        b"/hot/.",
        b"/%c0%afhot",
        b"/%zz",
        b"/hot/x%0d%0aSet-Cookie:%20a",
    ],
)
def test_a_path_with_a_second_spelling_is_refused_with_the_right_token_too(standing: Any, path: bytes) -> None:
    """The router and the check of permissions see the same path, because there is only one."""
    answer = said(
        standing, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + BEARER + b"\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]


def test_an_absolute_address_in_the_request_line_opens_nothing_else(standing: Any) -> None:
    """The host that counts is the Host header's, and the path goes through the same door."""
    answer = said(standing, b"GET http://evil.example/hot HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421 ")
    answer = said(standing, b"GET http://localhost/hot HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")


@given(st.text("abcdefgh-_.~", min_size=1, max_size=8).filter(lambda part: part not in {".", ".."}))
def test_ordinary_names_pass_in_a_path(part: str) -> None:
    """What is refused are second spellings, not dots in names."""
    check_path({"path": f"/api/{part}/x", "raw_path": f"/api/{part}/x".encode()})


@given(st.binary(max_size=30))
def test_no_bytes_make_the_check_fail_otherwise_than_by_refusing(path: bytes) -> None:
    """A refusal or nothing, whatever comes."""
    try:
        check_path({"path": path.decode("utf-8", "replace"), "raw_path": b"/" + path})
        check_headers({"headers": [(path, b"x"), (b"host", b"a")]})
    except InvalidInput:
        return
    assert b"//" not in b"/" + path


@pytest.mark.requirement("ASVS-3.5.1", "ASVS-3.5.3")
@pytest.mark.parametrize(
    ("method", "headers", "passes"),
    [
        ("POST", {}, False),
        ("POST", {"sec-fetch-site": "cross-site"}, False),
        ("POST", {"sec-fetch-site": "same-site"}, False),
        ("POST", {"origin": "null"}, False),
        ("POST", {"origin": "http://localhost:1"}, False),
        ("POST", {"sec-fetch-site": "same-origin"}, True),
        ("POST", {"origin": "http://127.0.0.1:7600"}, True),
        ("GET", {}, True),
        ("GET", {"origin": "http://evil.example"}, False),
    ],
)
def test_a_session_changes_something_only_from_a_page_of_ours(
    standing: Any, method: str, headers: dict[str, str], passes: bool
) -> None:
    """A stream of events is read with GET and Origin, and so is refused to another page as well."""
    entered = standing.ask("POST", "/login", data={"token": TOKEN}, headers={})
    session = {"cookie": entered.headers["set-cookie"].partition(";")[0]}
    assert (standing.ask(method, "/hot", headers={**session, **headers}).status_code == 200) is passes


@pytest.mark.requirement("ASVS-3.4.4", "ASVS-3.4.5", "ASVS-14.3.2")
def test_every_answer_says_what_a_browser_may_do_with_it(standing: Any) -> None:
    """Errors and hot paths as well; none is kept by a cache unless its handler says so."""
    for path, headers in (("/hot", None), ("/nothing", None), ("/hot", {})):
        given = standing.get(path, headers=headers).headers if headers is not None else standing.get(path).headers
        assert given["x-content-type-options"] == "nosniff"
        assert given["cross-origin-opener-policy"] == "same-origin"
        assert given["cross-origin-resource-policy"] == "same-origin"
        assert given["cache-control"] == "no-store"
        assert "unsafe-inline" not in given["content-security-policy"]
        assert "strict-transport-security" not in given


@pytest.mark.requirement("ASVS-1.5.3")
@pytest.mark.parametrize(
    "body", [b'{"a": 1, "a": 2}', b'[{"b": {"a": 1, "\\u0061": 2}}]', b'  {"a": {}, "b": 1, "a": 1}']
)
def test_a_key_that_stands_twice_in_an_object_is_refused(standing: Any, body: bytes) -> None:
    """Two readers would take another value each."""
    typed = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    refused = standing.ask("POST", "/api/example/whoami", headers=typed, content=body)
    assert (refused.status_code, "twice" in refused.text) == (400, True)


@pytest.mark.requirement("ASVS-3.4.2", "ASVS-3.5.2")
def test_pages_of_an_origin_that_the_settings_name_may_ask_with_a_token_and_no_others(make_site: Any) -> None:
    """CORS is closed by default, never answers with a star, and never opens for a session."""
    site, wiki = make_site(cors_origins=["https://wiki.example"]).start(), {"origin": "https://wiki.example"}
    bearer = {"authorization": f"Bearer {TOKEN}"}
    preflight = site.ask("OPTIONS", "/hot", headers={**wiki, "access-control-request-method": "POST"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "https://wiki.example")
    asked = site.ask("POST", "/hot", headers={**wiki, **bearer})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://wiki.example")
    assert "access-control-allow-credentials" not in asked.headers
    other = site.ask("POST", "/hot", headers={**bearer, "origin": "https://evil.example"})
    assert (other.status_code, "access-control-allow-origin" in other.headers) == (403, False)
    session = site.ask("POST", "/login", data={"token": TOKEN}, headers={}).headers["set-cookie"].partition(";")[0]
    assert site.ask("POST", "/hot", headers={**wiki, "cookie": session}).status_code == 403
