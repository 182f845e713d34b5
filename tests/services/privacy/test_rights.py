"""Two people of a running platform that is sent logs about both: one is told everything about them, and then erased."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, System

PASSWORD = "four ordinary words, said twice"
ONE, OTHER = "leocadia.featherstone", "benedikt.brambleby"
SAID = {
    ONE: [f"order 17 of {ONE} paid with 4111 1111 1111 1111", f"mail to {ONE}@example.org bounced"],
    OTHER: [f"order 18 of {OTHER} was sent", f"mail to {OTHER}@example.org bounced"],
    "": ["nobody is named here"],
}


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System(STEERSMAN) as running:
        yield running


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    """An administrator's client of a platform that knows two people by account, sign-in and log line."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(
        base_url=f"http://127.0.0.1:{system.port}", trust_env=False, timeout=60, headers=headers
    ) as found:
        for name in (ONE, OTHER):
            body = {"name": name, "email": f"{name}@example.org", "password": PASSWORD, "roles": ["viewer"]}
            found.post("/api/identity/users", json=body).raise_for_status()
            form = {"grant_type": "password", "username": name, "password": PASSWORD}
            found.post("/auth/token", data=form, headers={"user-agent": f"{name}-browser"}).raise_for_status()
        now = str(time.time_ns())
        values = [[now, text] for texts in SAID.values() for text in texts]
        push = {"streams": [{"stream": {"service": "shop"}, "values": values}]}
        found.post("/loki/api/v1/push", json=push).raise_for_status()
        yield found


def lines(client: httpx.Client, query: str) -> list[str]:
    found = client.get("/api/logs/search", params={"query": query, "limit": 100}).json()["rows"]
    return sorted(row["body"] for row in found)


@pytest.mark.requirement("GDPR-15", "GDPR-20")
def test_an_export_holds_all_that_was_written_about_somebody_and_nothing_of_others(client: httpx.Client) -> None:
    told = client.post(f"/api/privacy/persons/{ONE}/export").json()
    record = {f"{one['service']}.{one['name']}" for one in client.get("/api/privacy/record").json()}
    assert set(told["data"]) == record
    assert sorted(row["body"] for row in told["data"]["telemetry.records"]["logs"]) == sorted(SAID[ONE])
    assert told["data"]["telemetry.records"]["complete"]
    assert [one["agent"] for one in told["data"]["privacy.sessions"]] == [f"{ONE}-browser"]
    assert OTHER not in json.dumps(told)


@pytest.mark.requirement("GDPR-17", "GDPR-18")
def test_a_hold_refuses_an_erasure_and_shows_in_the_record(client: httpx.Client) -> None:
    why = {"reason": "a court asked for it"}
    assert client.post(f"/api/privacy/persons/{ONE}/hold", json=why).status_code == 200
    refused = client.post(f"/api/privacy/persons/{ONE}/erase", json={"reason": "they asked"})
    assert (refused.status_code, "a court asked for it" in refused.text) == (409, True)
    assert {one["on_hold"] for one in client.get("/api/privacy/record").json()} == {1}
    assert client.post(f"/api/privacy/persons/{ONE}/release", json=why).json() == []


@pytest.mark.requirement("GDPR-17")
def test_an_erasure_reaches_the_logs_that_were_sent_in_and_the_files_on_the_disk(
    system: System, client: httpx.Client
) -> None:
    """Others' lines are as they were, and what is left of theirs names nobody."""
    answer = client.post(f"/api/privacy/persons/{ONE}/erase", json={"reason": "they asked"}).json()
    assert answer["done_ms"] is not None, answer
    steps = {f"{step['service']}.{step['name']}": step["outcome"] for step in answer["steps"]}
    assert steps["telemetry.records"].startswith("taken out of 2 logs")
    assert lines(client, "order") == ["order 17 of (erased) paid with **** **** **** 1111", SAID[OTHER][0]]
    assert lines(client, "bounced") == ["mail to (erased) bounced", SAID[OTHER][1]]
    assert lines(client, "featherstone") == []
    system.stop()
    holding = [
        path
        for path in (system.folder / "data").rglob("*")
        if path.is_file() and ONE.encode() in path.read_bytes().lower()
    ]
    assert holding == []
    system.spawn()
    system.wait_ready()


@pytest.mark.slow
@pytest.mark.requirement("GDPR-17")
def test_an_erasure_that_a_kill_interrupts_is_finished_by_the_next_life(system: System, client: httpx.Client) -> None:
    """The request is answered or broken off; either way nothing of them is left a moment after the next start."""
    with suppress(httpx.TimeoutException):
        client.post(f"/api/privacy/persons/{OTHER}/erase", json={"reason": "they asked"}, timeout=0.05)
    system.kill()
    system.spawn()
    system.wait_ready()
    deadline = time.monotonic() + 60
    while (found := client.get("/api/privacy/erasures").json())[0]["done_ms"] is None:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert lines(client, "brambleby") == []
