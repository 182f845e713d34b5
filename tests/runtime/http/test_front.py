"""Hot paths: dispatch, bounds, and what a failure tells."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs
from tests.runtime.http.conftest import Site

from steersman.model.errors import InvalidInput, TooLarge
from steersman.runtime.http import bodies
from steersman.runtime.http.bodies import CappedRequest

BEARER = {"authorization": "Bearer the-bootstrap-token"}
READER = {"authorization": "Bearer reader-token"}


def test_a_hot_path_gets_its_body_and_its_parameters(site: Any) -> None:
    """Exact paths and patterns both reach their handler."""
    assert site.ask("POST", "/hot", content=b"1234").content == b"1234"
    assert site.get("/hot/a name/x").text == "a name"
    assert site.get("/hot/a/b/x").status_code == 404


@pytest.mark.requirement("ASVS-4.1.4")
def test_a_method_that_a_hot_path_does_not_take_is_named(site: Any) -> None:
    """405 says what is allowed."""
    answer = site.ask("DELETE", "/hot")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.requirement("ASVS-8.3.1")
def test_a_hot_path_asks_for_its_permission_before_it_reads_the_body(site: Any) -> None:
    """A caller without the grant is told which one it is."""
    answer = site.ask("POST", "/hot", headers=READER, content=b"x" * 5000)
    assert answer.status_code == 403
    assert "example.thing.write" in answer.json()["detail"]


@pytest.mark.parametrize("chunks", [[b"x" * 1001], [b"x" * 600, b"x" * 600]])
@pytest.mark.requirement("ASVS-5.2.1")
def test_a_body_above_the_cap_is_refused_with_and_without_its_length(site: Any, chunks: list[bytes]) -> None:
    """413 by Content-Length alone, and while reading when there is none."""

    async def slowly() -> Any:
        for chunk in chunks:
            yield chunk

    for content in (b"".join(chunks), slowly()):
        answer = site.ask("POST", "/hot", content=content)
        assert answer.status_code == 413
    assert site.ask("POST", "/hot", content=b"x" * 1000).status_code == 200


def test_a_control_request_is_bounded_as_well(site: Any) -> None:
    """Only intake takes more than a megabyte."""
    assert site.ask("POST", "/login", content=b"x" * (1024 * 1024 + 1)).status_code == 413


@pytest.mark.requirement("ASVS-2.4.1", "ASVS-15.2.2")
def test_more_requests_than_allowed_are_told_to_come_back(site: Any) -> None:
    """Hot paths are bounded; the control API is not, so that a person can still turn the limit."""
    site.limits.in_flight = site.limits.in_flight_limit
    answer = site.get("/hot")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert site.get("/api/example/whoami").status_code == 200
    site.limits.in_flight = 0
    assert site.get("/hot").status_code == 200
    assert site.limits.in_flight == 0


@pytest.mark.parametrize(
    ("kind", "status"), [("input", 400), ("missing", 404), ("conflict", 409), ("later", 503), ("defect", 500)]
)
def test_errors_are_problem_details(site: Any, kind: str, status: int) -> None:
    """Each branch of the tree has its status; the body says the same."""
    answer = site.get(f"/api/example/fail/{kind}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"]) == (status, status)


def test_retry_after_is_in_whole_seconds(site: Any) -> None:
    """RFC 9110 knows no fractions, and too early is worse than too late."""
    assert site.get("/api/example/fail/later").headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("method", "path", "content"), [("GET", "/api/example/fail/defect", None), ("POST", "/hot", b"defect")]
)
@pytest.mark.requirement("ASVS-16.5.1", "ASVS-16.3.4", "ASVS-16.5.4")
def test_a_defect_reveals_an_id_and_nothing_else(site: Any, method: str, path: str, content: Any) -> None:
    """The log holds the rest, under the same id."""
    with capture_logs() as logged:
        answer = site.ask(method, path, content=content)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    error_id = answer.json()["detail"].rpartition(" ")[2]
    assert error_id in {one.get("error_id") for one in logged}


@pytest.mark.requirement("ASVS-2.2.1", "ASVS-2.2.2", "ASVS-16.5.1")
def test_wrong_input_names_the_field_and_not_what_was_sent(site: Any) -> None:
    """The framework's 422 is a 400 with problem details here."""
    answer = site.get("/api/example/whoami?shout=hunter2")
    assert answer.status_code == 400
    assert "query.shout" in answer.json()["errors"][0]
    assert "hunter2" not in answer.text


def test_a_service_that_starts_is_temporarily_away(make_site: Any) -> None:
    """The port is open before the services are: readiness says so, and callers are told to wait."""
    site = make_site()
    answer = site.get("/readyz", headers={})
    assert (answer.status_code, answer.json()["status"]) == (503, "starting")
    assert answer.json()["checks"] == [{"name": "example", "ready": False, "detail": "starting"}]
    for path in ("/hot", "/api/example/whoami"):
        assert (site.get(path).status_code, site.get(path).headers["retry-after"]) == (503, "1")
    assert site.start().get("/readyz", headers={}).status_code == 200


def test_answers_are_counted_by_template(site: Any) -> None:
    """A scanner's paths do not become labels."""
    for path in ("/hot", "/hot/a/x", "/hot/b/x", "/nowhere/1", "/nowhere/2", "/api/example/fail/missing"):
        site.get(path)
    counted = {route: timing.statuses for route, timing in site.traffic.routes.items()}
    assert counted == {
        "/hot": {200: 1},
        "/hot/{name}/x": {200: 2},
        "unmatched": {404: 2},
        "/api/example/fail/{kind}": {404: 1},
    }
    assert site.traffic.routes["/hot"].buckets().counts[-1] == (float("inf"), 1)


def test_control_requests_are_traced_under_the_callers_trace(site: Any) -> None:
    """A span joins the trace of whoever asked; hot paths have none."""
    spans: list[bytes] = []
    site.tracing.listen(spans.append)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    site.get("/api/example/whoami", headers={**BEARER, "traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    site.get("/hot")
    site.tracing.flush()
    span = json.loads(spans[0])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [(one["name"], one["traceId"]) for one in span] == [("HTTP GET", trace)]


def test_a_websocket_is_closed_and_not_served(site: Any) -> None:
    """Nothing here speaks WebSocket, and none may slip past the door."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(site.front({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def _request(messages: list[dict[str, Any]]) -> CappedRequest:
    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return CappedRequest({"type": "http", "headers": []}, receive, cap=4)


def test_a_body_that_does_not_arrive_gives_up_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that stops in the middle is refused after the deadline."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)
    with pytest.raises(InvalidInput, match="did not arrive"):
        asyncio.run(_request([{"type": "http.request", "body": b"a", "more_body": True}]).body())


def test_a_sender_that_goes_away_is_noticed() -> None:
    """A disconnect ends the request without an answer."""
    with pytest.raises(ClientDisconnect):
        asyncio.run(_request([{"type": "http.disconnect"}]).body())


def test_chunks_are_joined_up_to_the_cap() -> None:
    """The body is whole, and read once."""
    message = {"type": "http.request", "more_body": True}

    async def twice(request: CappedRequest) -> tuple[bytes, bytes]:
        return await request.body(), await request.body()

    request = _request([{**message, "body": b"ab"}, {"type": "http.request", "body": b"cd"}])
    assert asyncio.run(twice(request)) == (b"abcd", b"abcd")
    with pytest.raises(TooLarge):
        asyncio.run(_request([{**message, "body": b"abc"}, {**message, "body": b"de"}]).body())


def test_a_wrong_path_or_method_says_what_would_be_right(site: Any) -> None:
    wrong_path, wrong_method = site.get("/nowhere/at/all").json(), site.ask("POST", "/openapi.json").json()
    assert wrong_path["detail"] == "there is nothing at /nowhere/at/all; /openapi.json lists what there is"
    assert "GET" in wrong_method["detail"]


@pytest.mark.requirement("ASVS-4.1.3")
def test_headers_of_a_proxy_that_contradict_each_other_are_a_bad_request(tmp_path: Path) -> None:
    """And no defect: whoever sends them hears what to do about it, with the headers that every answer carries."""
    site = Site(tmp_path, trusted_proxies=["127.0.0.0/8"]).start()
    told = {**BEARER, "x-forwarded-for": "203.0.113.9", "forwarded": "for=192.0.2.1"}
    answer = site.get("/hot", headers=told)
    assert (answer.status_code, answer.headers["x-frame-options"]) == (400, "DENY")
    assert "different callers" in answer.json()["detail"]
    assert site.get("/hot", headers=told | {"forwarded": "for=203.0.113.9"}).status_code == 200


def test_who_is_refused_objects_is_counted_on_hot_paths_and_elsewhere(tmp_path: Path) -> None:
    """Each with the caller that the front admitted; what is no refusal is not counted."""
    site = Site(tmp_path).start()
    for path in ("/api/example/fail/missing", "/api/example/fail/conflict", "/hot", "/hot/one/x", "/hot/one/x"):
        site.get(path, headers=READER)
    (tried,) = site.front._guard.probes._tried.values()
    assert len(tried.paths) == 3
