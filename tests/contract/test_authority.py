"""The authorisation matrix: every operation of the OpenAPI document, asked by every kind of caller.

Nothing is listed by hand. The operations come from the document that the platform publishes, and what each of them needs
from the declarations of the services, so that a new operation is in the matrix on the day it is written. What a kind of
caller may do is what it was granted, and never what the door makes of its token.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.routing import Mount

from steersman.app import HOUSE_PROVIDES
from steersman.contract.fakes import FakeClock
from steersman.contract.harness import addresses
from steersman.contract.ports import Caller
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.http.auth import GUARDED, OPEN, OPEN_PAGES
from steersman.runtime.http.control import METRICS, STATUS
from steersman.runtime.http.door import COOKIE
from steersman.runtime.identity import accounts, apikeys, sessions, tenants
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.clients import Exchange
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.roles import standing_roles
from steersman.runtime.identity.tokens import LIFETIME_SECONDS, AccessTokens
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)
TENANTED = frozenset(permission for service in SERVICES for permission in service.tenanted)
ROLES = ("guest", "user", "viewer", "operator", "manager", "admin")
EVERYTHING = frozenset({"*"})
#: What any caller may ask about themselves carries this tag.
OWN = "auth"
#: Pages of the house about oneself, and the way out; no operations, so the document does not have them.
OWN_PAGES = {("GET", "/account"), ("GET", "/consent/{ticket}"), ("POST", "/consent/{ticket}"), ("POST", "/logout")}
#: Whom anybody may ask how it is, and the door itself.
UNGUARDED = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/login"), ("POST", "/login"), ("POST", "/setup")}
UNGUARDED |= {("POST", "/auth/invitation")}
HOUSE = {("GET", "/metrics"): METRICS, ("GET", "/openapi.json"): STATUS}
_HOST = (b"host", b"localhost")
_HERE = (b"origin", b"http://localhost")


@dataclass(frozen=True, slots=True)
class Asking:
    """One kind of caller: what they send, and what they were granted; None is somebody who is not let in.

    `by_program` has no sign-in of its own to look after. `harmless_only` is a session that does not say where a change
    comes from, `nothing` one that a page of another origin made the browser send.
    """

    headers: tuple[tuple[bytes, bytes], ...]
    granted: frozenset[str] | None = None
    by_program: bool = False
    harmless_only: bool = False
    nothing: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    own: bool = False


class Callers:
    """Makes one of each kind, in the database of a running platform."""

    def __init__(self, identity: Identity) -> None:
        self.identity, self.now = identity, identity.now_ms()

    def all(self) -> Iterator[tuple[str, Asking]]:
        yield "nobody", Asking(())
        yield from self._people()
        yield from self._keys()
        yield from self._sessions()
        yield from self._other_tenants()
        yield from self._bad_tokens()
        yield "a client of a third party", self._client()

    def _people(self) -> Iterator[tuple[str, Asking]]:
        for role in ROLES:
            yield role, _bearer(self._token(self._account(role)), standing_roles(SERVICES)[role])
        one = frozenset({"telemetry.logs.read"})
        yield "a role with one permission", _bearer(self._token(self._account(self._role(*one))), one)
        gone = self._account("admin")
        token = self._token(gone)
        self._disable(gone)
        yield "somebody disabled, with a token", _bearer(token)

    def _keys(self) -> Iterator[tuple[str, Asking]]:
        owner = self._account("admin")
        yield "key without scope", _bearer(self._key(owner, "nothing.at.all"), frozenset({"nothing.at.all"}), True)
        yield "key with all", _bearer(self._key(owner, "*"), EVERYTHING, True)
        wide = self._account("viewer")
        only = frozenset({"telemetry.metrics.read"})
        scopes = ("telemetry.metrics.read", "telemetry.metrics.write")
        yield "key with more scopes than its owner has", _bearer(self._key(wide, *scopes), only, True)
        yield "expired key", _bearer(self._key(owner, "*", ends=self.now))
        revoked = self._key(owner, "*")
        with self.identity.ports.database.transaction() as transaction:
            newest = apikeys.list_keys(transaction, owner.id)[0]
            assert apikeys.revoke(transaction, newest.id, self.now)
        yield "revoked key", _bearer(revoked)

    def _sessions(self) -> Iterator[tuple[str, Asking]]:
        """The same session of the console, by how a browser sends it."""
        cookies = [self._cookie(self._account("admin")) for _ in range(3)]
        yield "console", Asking((cookies[0], _HERE), EVERYTHING)
        yield "console without a word of where from", Asking((cookies[1],), EVERYTHING, harmless_only=True)
        yield "page of another origin", Asking((cookies[2], (b"origin", b"https://evil.example")), nothing=True)

    def _other_tenants(self) -> Iterator[tuple[str, Asking]]:
        elsewhere = self._tenant("elsewhere")
        yield "admin of a tenant", _bearer(self._token(self._account("admin", elsewhere)), TENANTED)
        wide = self._role("*", "platform.settings.read", tenant=elsewhere)
        yield "key of a tenant", _bearer(self._key(self._account(wide, elsewhere), "*"), TENANTED, True)
        closed = self._tenant("closed")
        token = self._token(self._account("admin", closed))
        with self.identity.ports.database.transaction() as transaction:
            tenants.change(transaction, closed, disabled=True)
        yield "admin of a disabled tenant", _bearer(token)

    def _bad_tokens(self) -> Iterator[tuple[str, Asking]]:
        """Signed with the right key, for a living session of an administrator, and not good all the same."""
        wrong = {
            "expired token": self._issuer(seconds=-LIFETIME_SECONDS),
            "token that is not valid yet": self._issuer(seconds=3600),
            "token of another audience": self._issuer(audience="another"),
            "token of another issuer": self._issuer(issuer="another"),
        }
        account = self._account("admin")
        session = self._begin(account)
        for name, tokens in wrong.items():
            yield name, _bearer(tokens.issue(account.id, session))

    def _client(self) -> Asking:
        """A program that may ask for three things, of a person who may do two of them and agrees to two."""
        scopes = ["identity.users.write", "platform.status.read", "telemetry.metrics.read"]
        delegation, person, back = self.identity.delegation, self._account("viewer"), "https://program.example/back"
        root = Caller("root", permissions=EVERYTHING)
        client, _ = delegation.register(root, "a program", [back], scopes, confidential=False)
        verifier = "v" * 43
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asking = Caller(
            person.name, permissions=standing_roles(SERVICES)["viewer"], account=person.id, session="a sign-in"
        )
        code = delegation.grant(asking, client, back, challenge, scopes[:2])
        found = delegation.exchange(Exchange(code, client.id, back, verifier), "", "")
        return _bearer(found.access, frozenset({"platform.status.read"}), True)

    def _issuer(self, *, seconds: int = 0, audience: str = "", issuer: str = "") -> AccessTokens:
        identity = self.identity
        settings, clock = identity.settings, FakeClock(identity.ports.clock.wall_ns() + seconds * 10**9)
        named = issuer or settings.named_issuer
        return AccessTokens(identity.ring, clock, identity.ports.ids, named, audience or settings.audience)

    def _account(self, role: str, tenant: Tenant = DEFAULT_TENANT) -> Account:
        made = self.identity.ports.ids.new()
        account = Account(made, tenant, f"{role}-{made}", "", Kind.PERSON, False, self.now, (role,))
        with self.identity.ports.database.transaction() as transaction:
            accounts.add_account(transaction, account, None)
        return account

    def _disable(self, account: Account) -> None:
        with self.identity.ports.database.transaction() as transaction:
            accounts.change_account(transaction, account.id, disabled=True)

    def _role(self, *permissions: str, tenant: Tenant = DEFAULT_TENANT) -> str:
        with self.identity.ports.database.transaction() as transaction:
            accounts.save_role(transaction, tenant, "made-by-hand", "", permissions)
        return "made-by-hand"

    def _tenant(self, name: str) -> Tenant:
        with self.identity.ports.database.transaction() as transaction:
            tenants.add(transaction, tenants.TenantRecord(Tenant(name), "", False, self.now))
        return Tenant(name)

    def _begin(self, account: Account) -> str:
        session = self.identity.ports.ids.new()
        with self.identity.ports.database.transaction() as transaction:
            sessions.begin(transaction, session, account.id, "", "", self.now)
        return session

    def _token(self, account: Account) -> str:
        return self.identity.tokens.issue(account.id, self._begin(account))

    def _cookie(self, account: Account) -> tuple[bytes, bytes]:
        with self.identity.ports.database.transaction() as transaction:
            value = sessions.begin_cookie(transaction, self.identity.ports.ids.new(), account.id, "", "", self.now)
        return b"cookie", f"{COOKIE}={value}".encode()

    def _key(self, account: Account, *scopes: str, ends: int | None = None) -> str:
        ends = self.now + 3_600_000 if ends is None else ends
        with self.identity.ports.database.transaction() as transaction:
            return apikeys.make(transaction, self.identity.ports.ids.new(), account.id, "", scopes, self.now, ends)


def _bearer(token: str, granted: frozenset[str] | None = None, by_program: bool = False) -> Asking:
    return Asking(((b"authorization", f"Bearer {token}".encode()),), granted, by_program)


def _filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "x", path)


def _needed() -> dict[tuple[str, str], str]:
    """The permission of each method and path, as the services declare it, and the house's own."""
    declared = {(method, path): permission for service in SERVICES for method, path, permission in addresses(service)}
    of_house = {(method, _filled(path)): permission for (method, path), permission in GUARDED.items()}
    return {**declared, **of_house, **HOUSE}


async def _status(front: Any, operation: Operation, headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Ask without a body, and stop reading as soon as the answer has begun: some never end."""
    scope = {"type": "http", "http_version": "1.1", "method": operation.method, "scheme": "http", "path": operation.path,
             "raw_path": operation.path.encode(), "query_string": b"", "root_path": "", "headers": [_HOST, *headers],
             "server": ("127.0.0.1", 7600), "client": ("127.0.0.1", 5)}  # fmt: skip
    began: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        # Whoever asks once more waits for the sender to go away, which it does once the answer has begun.
        await asyncio.wait([began])
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and not began.done():
            began.set_result(message["status"])

    asking = asyncio.ensure_future(front(scope, receive, send))
    await asyncio.wait([asking, began], return_when=asyncio.FIRST_COMPLETED)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return began.result()


def _ask_all(harness: Any, asking: Asking, operations: Sequence[Operation]) -> list[int]:
    async def ask() -> list[int]:
        return [await _status(harness._platform.front, one, asking.headers) for one in operations]

    return asyncio.run_coroutine_threadsafe(ask(), harness._loop).result(120)


def _document(harness: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = harness.call("GET", "/openapi.json", frozenset({STATUS})).body["paths"]
    return found


def _operations(harness: Any) -> list[Operation]:
    """Every operation of the document, every page, and what the house adds."""
    found = [
        Operation(method.upper(), _filled(path), OWN in operation.get("tags", ()))
        for path, operations in _document(harness).items()
        for method, operation in operations.items()
    ]
    pages = [Operation("GET", page.path) for service in SERVICES for page in service.pages]
    own = [Operation(method, _filled(path), own=True) for method, path in sorted(OWN_PAGES)]
    return [*found, *pages, *own, *(Operation(*address) for address in HOUSE)]


@pytest.mark.requirement("ASVS-8.2.1", "ASVS-8.3.1", "ASVS-8.4.1", "SOC2-CC6.3")
def test_nobody_may_do_what_was_not_granted(open_harness: Any) -> None:
    """Zero unexpected allows over all operations and callers, and zero unexpected refusals."""
    needed = _needed()
    with open_harness(SERVICES) as harness:
        # Signing out would end the session that the rest is asked with; its own tests ask for it.
        operations = [one for one in _operations(harness) if one.path not in {"/auth/logout", "/logout"}]
        assert {(one.method, one.path) for one in operations if not one.own} == set(needed)
        callers = dict(Callers(harness._platform.house.ports.get(Identity)).all())
        statuses = {name: _ask_all(harness, asking, operations) for name, asking in callers.items()}
    wrong = [
        (name, one.method, one.path, status)
        for name, asking in callers.items()
        for one, status in zip(operations, statuses[name], strict=True)
        if not _as_expected(status, one, asking, needed.get((one.method, one.path)))
    ]
    assert wrong == []
    assert len(callers) * len(operations) > 3500


def _as_expected(status: int, one: Operation, asking: Asking, permission: str | None) -> bool:
    changes = one.method != "GET"
    if asking.nothing or (asking.harmless_only and changes):
        return status == 403
    if one.path in OPEN:
        return status in {200, 400, 401}
    if asking.granted is None:
        return status == 401
    if one.own:
        # A program asks who it is, and sees the page that says that it has none; the sign-ins of its owner are out of its reach.
        for_programs = one.path in {"/auth/me", "/account"}
        return status in {400, 403, 404, 409} if asking.by_program and not for_programs else status not in {401, 403}
    assert permission is not None
    allowed = not asking.granted.isdisjoint({permission, "*"})
    return (status == 403) is not allowed and status != 401


@pytest.mark.requirement("ASVS-8.3.1")
def test_nothing_is_served_beside_what_the_matrix_asks(open_harness: Any) -> None:
    """A route that no service declares and no document names would be asked by no test, so there is none.

    And only what the document marks as open answers without a key.
    """
    pages = {("GET", page.path) for service in SERVICES for page in service.pages}
    with open_harness(SERVICES) as harness:
        routes = harness._platform.front._inner.routes
        paths = _document(harness)
    documented = {(method.upper(), path) for path, found in paths.items() for method in found}
    served = {(method, route.path) for route in routes if not isinstance(route, Mount) for method in route.methods}
    known = documented | pages | OWN_PAGES | UNGUARDED | set(HOUSE) | {("GET", path) for path in OPEN_PAGES}
    assert {one for one in served - known if one[0] != "HEAD"} == set()
    assert [route.path for route in routes if isinstance(route, Mount)] == ["/static"]
    marked = {path for path, operations in paths.items() for one in operations.values() if one.get("security") == []}
    assert marked == OPEN
