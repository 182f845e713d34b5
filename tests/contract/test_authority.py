"""The authorisation matrix: every operation of the OpenAPI document, asked by every kind of caller.

Nothing is listed by hand. The operations come from the document that the platform publishes, and what each of them needs
from the declarations of the services, so that a new operation is in the matrix on the day it is written.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from steersman.app import HOUSE_PROVIDES
from steersman.contract.testing import _addresses
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.http.auth import GUARDED, OPEN
from steersman.runtime.http.control import METRICS, STATUS
from steersman.runtime.identity import accounts, apikeys, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.roles import standing_roles
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)
ROLES = ("guest", "user", "viewer", "operator", "manager", "admin")
#: What any caller may ask about themselves carries this tag.
OWN = "auth"


def _filled(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "x", path)


def _needed() -> dict[tuple[str, str], str]:
    """The permission of each method and path, as the services declare it, and the house's own."""
    declared = {(method, path): permission for service in SERVICES for method, path, permission in _addresses(service)}
    of_house = {(method, _filled(path)): permission for (method, path), permission in GUARDED.items()}
    return {**declared, **of_house, ("GET", "/metrics"): METRICS, ("GET", "/openapi.json"): STATUS}


def _tokens(identity: Identity) -> dict[str, str]:
    """A token for each role, and two API keys of an admin's account: one without a scope that fits, one with all."""
    ports, now, found = identity.ports, identity.now_ms(), {}
    with ports.database.transaction() as transaction:
        for role in ROLES:
            account = Account(ports.ids.new(), DEFAULT_TENANT, role, "", Kind.PERSON, False, now, (role,))
            accounts.add_account(transaction, account, None)
            session = ports.ids.new()
            sessions.begin(transaction, session, account.id, "", "", now)
            found[role] = identity.tokens.issue(account.id, session)
        for name, scopes in (("key without scope", ("nothing.at.all",)), ("key with all", ("*",))):
            found[name] = apikeys.make(transaction, ports.ids.new(), account.id, "", scopes, now, now + 3_600_000)
    return found


def _status(harness: Any, method: str, path: str, token: str | None) -> int:
    """Ask without a body, and stop reading as soon as the answer has begun: some never end."""
    headers = [(b"host", b"localhost")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path, "raw_path": path.encode(),
             "query_string": b"", "root_path": "", "headers": headers, "server": ("127.0.0.1", 7600), "client": ("127.0.0.1", 5)}  # fmt: skip
    began: asyncio.Future[int] = asyncio.Future(loop=harness._loop)

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

    async def ask() -> int:
        asking = asyncio.ensure_future(harness._platform.front(scope, receive, send))
        await asyncio.wait([asking, began], return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return began.result()

    return asyncio.run_coroutine_threadsafe(ask(), harness._loop).result(60)


def _operations(harness: Any, token: str) -> list[tuple[str, str, bool]]:
    """Method, path and whether it is about oneself, of every operation of the document, and of what the house adds."""
    answer = asyncio.run_coroutine_threadsafe(
        harness._ask(
            "GET", "/openapi.json", [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())], b""
        ),
        harness._loop,
    ).result(60)
    found = [
        (method.upper(), _filled(path), OWN in operation.get("tags", ()))
        for path, operations in answer.body["paths"].items()
        for method, operation in operations.items()
    ]
    pages = [("GET", page.path, False) for service in SERVICES for page in service.pages]
    return [*found, *pages, ("GET", "/metrics", False), ("GET", "/openapi.json", False)]


def test_nobody_may_do_what_was_not_granted(open_harness: Any) -> None:
    """Zero unexpected allows over all operations and callers, and zero unexpected refusals."""
    needed = _needed()
    with open_harness(SERVICES) as harness:
        identity: Identity = harness._platform.house.ports.get(Identity)
        tokens = _tokens(identity)
        operations = _operations(harness, tokens["admin"])
        assert {(method, path) for method, path, own in operations if not own} == set(needed)
        wrong, asked = [], 0
        for caller in (None, *tokens):
            granted, is_key = _granted(caller), (caller or "").startswith("key")
            for method, path, own in operations:
                token = None if caller is None else tokens[caller]
                status = _status(harness, method, path, token) if not _ends_itself(path, own) else None
                asked += 1
                if status is not None and not _as_expected(
                    status, path, granted, needed.get((method, path)), own=own, key=is_key
                ):
                    wrong.append((caller, method, path, status))
    assert wrong == []
    assert asked == len(operations) * (len(tokens) + 1) > 500


def _granted(caller: str | None) -> frozenset[str] | None:
    """What a caller should be able to do, from the declarations alone and not from what the door makes of the token."""
    keys = {"key without scope": frozenset({"nothing.at.all"}), "key with all": frozenset({"*"})}
    return None if caller is None else {**standing_roles(SERVICES), **keys}[caller]


def _ends_itself(path: str, own: bool) -> bool:
    """Signing out would end the session that the rest is asked with; its own tests ask for it."""
    return own and path == "/auth/logout"


def _as_expected(
    status: int, path: str, granted: frozenset[str] | None, permission: str | None, *, own: bool, key: bool
) -> bool:
    if own and path in OPEN:
        return status in {200, 400, 401}
    if granted is None:
        return status == 401
    if own:
        # A key asks who it is; the sign-ins of its owner are out of its reach.
        return status >= 400 if key and path != "/auth/me" else status not in {401, 403}
    assert permission is not None
    allowed = not granted.isdisjoint({permission, "*"})
    return (status == 403) is not allowed and status != 401


def test_the_document_says_what_is_open(open_harness: Any) -> None:
    """Only what is marked as open answers without a key."""
    with open_harness(SERVICES) as harness:
        tokens = _tokens(harness._platform.house.ports.get(Identity))
        answer = harness._ask(
            "GET",
            "/openapi.json",
            [(b"host", b"localhost"), (b"authorization", f"Bearer {tokens['admin']}".encode())],
            b"",
        )
        paths = asyncio.run_coroutine_threadsafe(answer, harness._loop).result(60).body["paths"]
    marked = {path for path, operations in paths.items() for one in operations.values() if one.get("security") == []}
    assert marked == OPEN
