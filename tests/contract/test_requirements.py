"""What a plug-in asks of its callers besides a permission is asked, in both forms, and nobody says who they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import pytest

from steersman.contract.ports import Caller, Context
from steersman.contract.requirements import RequirePermission, RequireRole
from steersman.contract.service import Page, RawRoute, Route, Service
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


def forgetful(who: Annotated[Caller, RequireRole]) -> dict[str, str]:
    return {"subject": who.subject}


def doubtful(who: Caller | None = None) -> dict[str, str]:
    return {"subject": who.subject if who else ""}


def listing(who: list[Caller]) -> dict[str, str]:
    return {"subject": who[0].subject}


async def raw(who: Annotated[Caller, RequireRole("admin")], _request: Any) -> Any:
    return who


def page(who: Annotated[Context, RequirePermission(READ)]) -> dict[str, str]:
    return {"subject": who.caller.subject}


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


@pytest.mark.requirement("ASVS-8.3.1")
@pytest.mark.parametrize("handler", [trusting, forgetful, doubtful, listing], ids=lambda handler: handler.__name__)
def test_a_caller_that_would_be_read_from_the_request_stops_the_start(open_harness: Any, handler: Any) -> None:
    """In any form: bare, with a requirement that was not called, as one of several, in a list."""
    probe = replace(PROBE, routes=(_route("trusting", handler),))
    with pytest.raises(Permanent, match="would be read from the request"), open_harness([PLATFORM, probe]):
        pass


@pytest.mark.parametrize("aliases", [{"PROBE_X": ("probe.thing.nothing",)}, {"not an alias": (READ,)}])
def test_a_bad_alias_stops_the_start(aliases: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Permanent, match="the service probe"):
        arrange([Found(replace(PROBE, aliases=aliases), "probe 1")])


def _requiring(one: Any) -> Service:
    return replace(PROBE, routes=(_route("x", declared, requires=(one,)),))


UNASKED = (
    replace(PROBE, routes=(), raw_routes=(RawRoute(methods=frozenset({"GET"}), path="/api/probe/raw", handler=raw, permission=READ, summary="x"),)),
    replace(PROBE, routes=(), pages=(Page(path="/api/probe/page", title="x", title_zh="x", template="x", view=page, permission=READ),)),
)  # fmt: skip


@pytest.mark.requirement("ASVS-8.2.1")
@pytest.mark.parametrize(
    ("probe", "advice"),
    [
        (_requiring(RequirePermission("probe.thing.raed")), "'probe.thing.raed', which no installed .*declare it in"),
        (_requiring(RequirePermission("*")), "which no installed service declares"),
        (_requiring(RequirePermission("PROBE_READ")), "name one of what it stands for, probe.thing.read"),
        (_requiring(RequireRole("mangaer")), "none of admin, operator, viewer, manager, user, guest: name one"),
        (_requiring(RequireRole("")), "none of admin"),
        (_requiring(RequireRole), r"write RequireRole\(\.\.\.\)"),
        (_requiring("admin"), r"'admin', which is no requirement"),
        (UNASKED[0], "/api/probe/raw asks for more than its permission.*make it a Route"),
        (UNASKED[1], "/api/probe/page asks for more than its permission.*make it a Route"),
    ],
)
def test_a_requirement_that_nobody_meets_or_asks_for_stops_the_start(probe: Service, advice: str) -> None:
    """A misspelt name would shut everybody out but who may do everything; it names the plug-in and what to write."""
    with pytest.raises(Permanent, match=f"^probe 1: .*{advice}"):
        arrange([Found(probe, "probe 1")])


def test_requirements_of_other_services_and_of_standing_roles_start() -> None:
    other = Service(name="other", help="x", permissions={"other.thing.read": "Read."})
    probe = replace(PROBE, routes=tuple(
        _route(f"x{n}", declared, requires=(one,))
        for n, one in enumerate([RequirePermission("other.thing.read"), RequireRole("guest"), RequireRole("manager")])
    ))  # fmt: skip
    assert len(arrange([Found(other, "other 1"), Found(probe, "probe 1")])) == 2
