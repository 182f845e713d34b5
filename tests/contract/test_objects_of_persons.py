"""What belongs to one person is, for everybody else, as if it were not there; and what the house keeps for a tenant.

The operations come from the OpenAPI document: one that takes an id and is the house's own has to be in the table below,
which says how to make such an object. What services own is asked by the conformance kit, with their own examples.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert

from steersman.app import HOUSE_PROVIDES
from steersman.contract.objects import neighbour
from steersman.contract.testing import Answer
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.http.door import COOKIE
from steersman.runtime.identity import accounts, apikeys, sessions, tables, tenants
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)
BACK = "https://program.example/back"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in to the console."""

    account: Account
    session: str
    cookie: str


class Site:
    """A running platform, asked as its own pages ask."""

    def __init__(self, harness: Any) -> None:
        self._harness = harness
        self.identity: Identity = harness._platform.house.ports.get(Identity)
        self.now = self.identity.now_ms()

    def person(self, role: str, tenant: str = DEFAULT_TENANT) -> Person:
        ports, here = self.identity.ports, Tenant(tenant)
        with ports.database.transaction() as transaction:
            if not tenants.is_open(transaction, here):
                tenants.add(transaction, tenants.TenantRecord(here, "", False, self.now))
            made, session = ports.ids.new(), ports.ids.new()
            account = Account(made, here, f"{role}-{made}", "", Kind.PERSON, False, self.now, (role,))
            accounts.add_account(transaction, account, None)
            cookie = sessions.begin_cookie(transaction, session, made, "", "", self.now)
        return Person(account, session, cookie)

    def ask(self, person: Person | None, method: str, path: str, body: Any = None, form: str = "") -> Answer:
        kind = b"application/x-www-form-urlencoded" if form else b"application/json"
        headers = [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"content-type", kind)]
        if person is not None:
            headers.append((b"cookie", f"{COOKIE}={person.cookie}".encode()))
        content = form.encode() if form else b"" if body is None else json.dumps(body).encode()
        asking = self._harness._ask(method, path, headers, content)
        found: Answer = asyncio.run_coroutine_threadsafe(asking, self._harness._loop).result(60)
        return found


def _key(site: Site, owner: Person) -> str:
    made = site.identity.ports.ids.new()
    with site.identity.ports.database.transaction() as transaction:
        apikeys.make(transaction, made, owner.account.id, "", ["*"], site.now, site.now + 3_600_000)
    return made


def _passkey(site: Site, owner: Person) -> str:
    made = site.identity.ports.ids.new()
    row = {"id": made, "account": owner.account.id, "credential": made, "public_key": b"", "sign_count": 0, "transports": [],
           "name": "a key", "synced": False, "created_ms": site.now}  # fmt: skip
    with site.identity.ports.database.transaction() as transaction:
        transaction.execute(insert(tables.passkeys).values(**row))
    return made


def _session(site: Site, owner: Person) -> str:
    made = site.identity.ports.ids.new()
    with site.identity.ports.database.transaction() as transaction:
        sessions.begin(transaction, made, owner.account.id, "", "", site.now)
    return made


def _client(site: Site, owner: Person) -> str:
    wish = {"name": "a program", "redirect_uris": [BACK], "scopes": ["identity.users.read"]}
    return str(site.ask(owner, "POST", "/auth/clients", wish).body["client_id"])


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of object of the house: how one is made for somebody, where they see it, and what a change takes."""

    make: Callable[[Site, Person], str]
    shown: str
    bodies: Mapping[str, Any]
    of_person: bool = True


OBJECTS = {
    "/auth/sessions/{id}": Kept(_session, "/auth/sessions", {}),
    "/auth/keys/{id}": Kept(_key, "/auth/keys", {}),
    "/auth/passkeys/{id}": Kept(_passkey, "/auth/passkeys", {"PATCH": {"name": "another"}}),
    "/auth/clients/{id}": Kept(_client, "/auth/clients", {}, of_person=False),
    "/auth/people/{name}/sessions": Kept(
        lambda site, _owner: site.person("viewer").account.name, "/api/identity/users", {}, of_person=False
    ),
}


def _with_objects(harness: Any) -> Iterator[tuple[str, str]]:
    """Yield the house's own operations that take an id."""
    of_services = {route.path for service in SERVICES for route in (*service.routes, *service.raw_routes)}
    paths = harness.call("GET", "/openapi.json", frozenset({"platform.status.read"})).body["paths"]
    for path, operations in paths.items():
        if "{" in path and path not in of_services:
            for method in operations:
                yield method.upper(), path


@pytest.mark.requirement("ASVS-8.2.2", "ASVS-8.4.1")
def test_what_is_somebody_s_own_is_not_there_for_others(open_harness: Any) -> None:
    """Neither for an administrator beside them, who sees and ends sign-ins elsewhere, nor for one of another tenant."""
    with open_harness(SERVICES) as harness:
        site, asked = Site(harness), list(_with_objects(harness))
        assert {path for _, path in asked} == set(OBJECTS), "say in OBJECTS how to make what the new operation takes"
        beside, elsewhere = site.person("admin"), site.person("admin", "elsewhere")
        for method, path in asked:
            kept = OBJECTS[path]
            owner = site.person("viewer") if kept.of_person else beside
            made = kept.make(site, owner)
            before = site.ask(owner, "GET", kept.shown)
            assert made in str(before.body), path
            for stranger in (beside, elsewhere) if kept.of_person else (elsewhere,):
                _assert_hidden(site, stranger, method, path, made)
                assert made not in str(site.ask(stranger, "GET", kept.shown).body), path
            assert site.ask(owner, "GET", kept.shown) == before, f"{method} {path} by somebody else changed something"
            answer = site.ask(owner, method, _at(path, made), kept.bodies.get(method))
            assert answer.status < 300, (method, path, answer)


def _assert_hidden(site: Site, stranger: Person, method: str, path: str, made: str) -> None:
    body, absent = OBJECTS[path].bodies.get(method), neighbour(made)
    real, none = (site.ask(stranger, method, _at(path, one), body) for one in (made, absent))
    assert real.status == none.status == 404, (method, path, real, none)
    assert str(real.body).replace(made, "#") == str(none.body).replace(absent, "#")


def _at(path: str, id: str) -> str:
    return re.sub(r"\{[^}]*\}", id, path)


@pytest.mark.requirement("ASVS-8.4.1")
def test_a_program_of_another_tenant_asks_nobody_here(open_harness: Any) -> None:
    """Its question is answered like that of one that nobody registered, and no code is given out."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).rstrip(b"=").decode()
    with open_harness(SERVICES) as harness:
        site = Site(harness)
        here, elsewhere = site.person("admin", "here"), site.person("admin", "elsewhere")
        fields = {"response_type": "code", "client_id": _client(site, here), "redirect_uri": BACK,
                  "code_challenge": challenge, "code_challenge_method": "S256"}  # fmt: skip
        page = site.ask(None, "GET", f"/auth/authorize?{urlencode(fields)}").body
        found = re.search(r'id="onward" href="([^"]*)"', page)
        assert found, page
        ticket = html.unescape(found[1])
        assert site.ask(elsewhere, "GET", ticket).status == 400
        assert site.ask(elsewhere, "POST", ticket, form="decision=allow").status == 400
        assert site.ask(here, "GET", ticket).status == 200
        assert "code=" in site.ask(here, "POST", ticket, form="decision=allow").body


@pytest.mark.requirement("ASVS-8.2.2", "GDPR-17")
def test_nobody_exports_or_erases_somebody_who_may_do_more(open_harness: Any) -> None:
    """An erasure takes an account away, so it reaches no further than administration does, and never the last one."""
    both = ["privacy.persons.export", "privacy.persons.erase"]
    with open_harness(SERVICES) as harness:
        site = Site(harness)
        boss, other = site.person("admin"), site.person("admin")
        assert site.ask(boss, "PUT", "/api/identity/roles/clerk", {"permissions": both}).status == 200
        clerk, operator, guest = site.person("clerk"), site.person("operator"), site.person("guest")
        assert site.ask(boss, "PUT", "/api/identity/roles/everything", {"permissions": ["*"]}).status == 200
        by_role = site.person("everything")
        for asking, about, status in (
            (clerk, boss, 403),
            (operator, guest, 403),
            (by_role, boss, 200),
            (clerk, guest, 200),
        ):
            assert site.ask(asking, "POST", f"/api/privacy/persons/{about.account.name}/export").status == status
        for asking, about, taken in (
            (clerk, boss, 403),
            (operator, guest, 403),
            (boss, other, 2),
            (by_role, boss, 409),
            (clerk, guest, 2),
        ):
            path = f"/api/privacy/persons/{about.account.name}/erase"
            answer = site.ask(asking, "POST", path, {"reason": "they asked for it"})
            assert taken in {answer.status, answer.status // 100}, (about.account.name, answer)
