"""`steersman authority matrix` against the platform: what it prints is what callers of each kind get."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from steersman.app import HOUSE_PROVIDES
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.http.matrix import Operation, Outcome, matrix
from steersman.runtime.identity import accounts, apikeys, sessions, tenants
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)
#: Operators and administrators would set to work here; the generated matrix asks as them, and hangs up at once.
KINDS = ("nobody", "guest", "user", "admin of a tenant", "key without scope")
#: It ends the session that the rest is asked with, or answers without an end.
LEFT_OUT = ("/logout", "/stream", "/tail")


def _token(identity: Identity, kind: str) -> str:
    """Return what somebody of this kind presents, who is in the database of the platform from now on."""
    role, now = kind if kind in identity.standing else "admin", identity.now_ms()
    tenant = Tenant("another" if "tenant" in kind else DEFAULT_TENANT)
    made, other = identity.ports.ids.new(), identity.ports.ids.new()
    with identity.ports.database.transaction() as transaction:
        if not tenants.is_open(transaction, tenant):
            tenants.add(transaction, tenants.TenantRecord(tenant, "", False, now))
        account = Account(made, tenant, f"n{made}", "", Kind.PERSON, False, now, (role,))
        accounts.add_account(transaction, account, None)
        if kind.startswith("key"):
            return apikeys.make(transaction, other, made, "", ["nothing.at.all"], now, now + 3_600_000)
        sessions.begin(transaction, other, made, "", "", now)
    return identity.tokens.issue(made, other)


def _fits(found: Outcome, operation: Operation, status: int) -> bool:
    match found:
        case Outcome.SIGN_IN:
            return status == 401
        case Outcome.REFUSED:
            # What is about oneself has no permission to refuse it by: a program has nothing there.
            return status == 403 if operation.asks else status in {400, 403, 404, 409}
        case Outcome.OPEN:
            return status in {200, 303, 400, 401, 503}
    return status not in {401, 403}


@pytest.mark.slow
@pytest.mark.requirement("ASVS-8.1.1", "ASVS-8.2.1", "SOC2-CC6.3")
def test_the_printed_matrix_says_what_the_door_does(open_harness: Any) -> None:
    """Every operation that is served is in it, and no outcome is another than the answer."""
    with open_harness(SERVICES) as harness:
        identity = harness._platform.house.ports.get(Identity)
        rows = [row for row in matrix(harness._platform.front, SERVICES) if not row[0].path.endswith(LEFT_OUT)]
        tokens = {kind: "" if kind == "nobody" else _token(identity, kind) for kind in KINDS}

        async def ask(kind: str) -> list[int]:
            headers = [(b"host", b"localhost")]
            if tokens[kind]:
                headers.append((b"authorization", f"Bearer {tokens[kind]}".encode()))
            paths = [(one.method, re.sub(r"\{[^}]*\}", "x", one.path)) for one, _ in rows]
            return [(await harness._ask(method, path, headers, b"")).status for method, path in paths]

        asking = {kind: asyncio.run_coroutine_threadsafe(ask(kind), harness._loop).result(120) for kind in KINDS}
    wrong = [
        (kind, operation.method, operation.path, outcomes[kind].value, status)
        for kind, statuses in asking.items()
        for (operation, outcomes), status in zip(rows, statuses, strict=True)
        if not _fits(outcomes[kind], operation, status)
    ]
    assert wrong == []
    assert len(rows) > 250
