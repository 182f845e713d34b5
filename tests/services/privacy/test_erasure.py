"""A person of a running platform: what is kept about them is told, and then it is gone, down to the bytes on the disk."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, System

PASSWORD = "four ordinary words, said twice"
NAME, EMAIL = "leocadia.featherstone", "leocadia@featherstone.example"
ROOT = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System(STEERSMAN) as running:
        yield running


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{system.port}", trust_env=False, timeout=60, headers=ROOT) as found:
        yield found


@pytest.fixture(scope="module")
def erased(system: System, client: httpx.Client) -> dict[str, Any]:
    """Somebody who was here: signed in twice, made a key, mistyped a password, and then asked to be forgotten."""
    body = {"name": NAME, "email": EMAIL, "password": PASSWORD, "roles": ["viewer"]}
    account = client.post("/api/identity/users", json=body).json()["id"]
    form = {"grant_type": "password", "username": NAME, "password": PASSWORD}
    agent = {"user-agent": "featherstone-browser/1"}
    tokens = [client.post("/auth/token", data=form, headers=agent).json()["access_token"] for _ in range(2)]
    client.post("/auth/token", data={**form, "password": "not the right one"}, headers=agent)
    mine = {"authorization": f"Bearer {tokens[0]}"}
    client.get("/api/platform/status", headers=mine)
    exported = client.post(f"/api/privacy/persons/{NAME}/export")
    assert exported.status_code == 200, exported.text
    answer = client.post(f"/api/privacy/persons/{NAME}/erase", json={"reason": "they asked by letter"})
    assert answer.status_code == 200, answer.text
    return {"account": account, "mine": mine, "export": exported.json(), "answer": answer.json()}


@pytest.mark.requirement("GDPR-15", "GDPR-20")
def test_everything_that_is_kept_is_told(erased: dict[str, Any]) -> None:
    """The account, its sessions with where they came from, and what the journal says, under a digest that holds."""
    told = erased["export"]
    account = told["data"]["privacy.account"]
    assert (account["account"]["name"], account["account"]["email"]) == (NAME, EMAIL)
    assert {one["agent"] for one in told["data"]["privacy.sessions"]} == {"featherstone-browser/1"}
    kinds = {entry["type"] for entry in told["data"]["privacy.journal"]}
    assert {"identity.account.added", "identity.session.begun"} <= kinds
    assert "password" not in account["account"]
    text = json.dumps(told["data"], sort_keys=True, ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == told["sha256"]


@pytest.mark.requirement("GDPR-17")
def test_an_erasure_says_what_became_of_each_kind_and_finds_nothing_left(erased: dict[str, Any]) -> None:
    steps = {step["name"]: step["outcome"] for step in erased["answer"]["steps"]}
    assert {"journal", "account", "search"} <= set(steps)
    assert steps["search"].startswith("neither name nor address stands anywhere")
    assert erased["answer"]["done_ms"] is not None


def test_whoever_was_erased_gets_in_no_more(client: httpx.Client, erased: dict[str, Any]) -> None:
    assert client.get("/auth/me", headers=erased["mine"]).status_code == 401
    form = {"grant_type": "password", "username": NAME, "password": PASSWORD}
    assert client.post("/auth/token", data=form).status_code == 401
    assert client.post(f"/api/privacy/persons/{NAME}/export").status_code == 404


@pytest.mark.requirement("GDPR-17")
def test_no_file_holds_their_name_any_more(system: System, client: httpx.Client, erased: dict[str, Any]) -> None:
    """Once the write-ahead log of the database has been written over, which a stop in order does."""
    assert erased
    system.stop()
    for path in (system.folder / "data").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (NAME.encode(), EMAIL.encode(), b"featherstone-browser"):
                assert word not in content, f"{path} holds {word!r}"
    system.spawn()
    system.wait_ready()
    deadline = time.monotonic() + 60
    while client.get("/api/audit/checkpoints").status_code != 200:
        assert time.monotonic() < deadline


@pytest.mark.requirement("GDPR-30")
def test_the_record_of_processing_names_purpose_basis_and_time(client: httpx.Client) -> None:
    record = client.get("/api/privacy/record").json()
    assert {"account", "journal"} <= {one["name"] for one in record}
    assert all(one["purpose"] and one["basis"] and one["kept"] for one in record)
    assert all(one["erased"] or one["stays"] for one in record)
