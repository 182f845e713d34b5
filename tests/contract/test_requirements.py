"""What a plug-in asks of its callers besides a permission is asked, in both forms, and nobody says who they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import pytest

from steersman.contract.ports import Caller, Context
from steersman.contract.requirements import RequirePermission, RequireRole
from steersman.contract.service import Route, Service
from steersman.model.errors import Permanent
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.identity import accounts, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.identity import Identity
from steersman.runtime.registry import Found, arrange
from steersman.services.platform.manifest import SERVICE as PLATFORM

READ, WRITE = "probe.thing.read", "probe.thing.write"


def declared(ctx: Context) -> dict[str, str]:
    return {"subject": ctx.caller.subject}


def asked(who: Annotated[Caller, RequireRole("admin")]) -> dict[str, str]:
    return {"subject": who.subject}


def narrowed(_ctx: Context, who: Annotated[Caller, RequirePermission(WRITE)]) -> dict[str, str]:
    return {"subject": who.subject}


def trusting(who: Caller) -> dict[str, str]:
    return {"subject": who.subject}


def _route(path: str, handler: Any, **more: Any) -> Route:
    return Route(method="POST", path=f"/api/probe/{path}", handler=handler, permission=READ, summary="Probe.", **more)


PROBE = Service(
    name="probe",
    help="Asks for more than a permission.",
    prefixes=("/api/probe",),
    permissions={READ: "Read.", WRITE: "Write."},
    routes=(
        _route("declared", declared, requires=(RequireRole("admin"),)),
        _route("asked", asked),
        _route("narrowed", narrowed),
    ),
)


def token_of(harness: Any, role: str) -> frozenset[str]:
    """Somebody who holds a role, signed in, as the harness calls them."""
    identity: Identity = harness._platform.house.ports.get(Identity)
    ports, now = identity.ports, identity.now_ms()
    with ports.database.transaction() as transaction:
        account = Account(ports.ids.new(), DEFAULT_TENANT, role, "", Kind.PERSON, False, now, (role,))
        accounts.add_account(transaction, account, None)
        session = ports.ids.new()
        sessions.begin(transaction, session, account.id, "", "", now)
    name = frozenset({role})
    harness._tokens[name] = identity.tokens.issue(account.id, session)
    return name


@pytest.mark.requirement("ASVS-8.2.1", "ASVS-8.3.1")
@pytest.mark.parametrize("path", ["declared", "asked", "narrowed"])
def test_a_requirement_is_asked_in_both_forms(open_harness: Any, path: str) -> None:
    with open_harness([PLATFORM, PROBE]) as harness:
        forged = {"subject": "forged", "tenant": "x", "who": {"subject": "forged"}}
        answer = harness.call("POST", f"/api/probe/{path}", token_of(harness, "viewer"), forged)
        assert answer.status == 403
        answer = harness.call("POST", f"/api/probe/{path}", token_of(harness, "admin"), forged)
        assert (answer.status, answer.body) == (200, {"subject": "admin"})


def test_a_caller_that_would_be_read_from_the_request_stops_the_start(open_harness: Any) -> None:
    probe = replace(PROBE, routes=(_route("trusting", trusting),))
    with pytest.raises(Permanent, match="would be read from the request"), open_harness([PLATFORM, probe]):
        pass


@pytest.mark.parametrize("aliases", [{"PROBE_X": ("probe.thing.nothing",)}, {"not an alias": (READ,)}])
def test_a_bad_alias_stops_the_start(aliases: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Permanent, match="the service probe"):
        arrange([Found(replace(PROBE, aliases=aliases), "probe 1")])
