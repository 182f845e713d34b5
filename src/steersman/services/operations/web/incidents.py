"""Incidents: the list, one, its timeline, and a person's word on it."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.model.errors import Conflict
from steersman.model.incidents import Incident, IncidentState
from steersman.model.rounds import Feedback
from steersman.services.operations.model import wire
from steersman.services.operations.model.people import Judgement, Told, Word
from steersman.services.operations.store import reading
from steersman.services.operations.store.people import People
from steersman.services.operations.web.answers import kept_answer, now_ms, parsed

READ = "operations.incidents.read"
WRITE = "operations.incidents.write"

Kind = Literal["acknowledged", "resolved", "right", "wrong", "reopened"]


async def listed(ctx: Context, request: Request) -> Response:
    query = parsed(wire.IncidentQuery, request)
    return await kept_answer(ctx, request, lambda c: reading.incident_page(c, ctx.caller.tenant, query))


async def one(ctx: Context, request: Request) -> Response:
    incident = request.path_params["incident"]
    return await kept_answer(ctx, request, lambda c: reading.incident_detail(c, ctx.caller.tenant, incident))


async def timeline(ctx: Context, request: Request) -> Response:
    incident = request.path_params["incident"]
    return await kept_answer(ctx, request, lambda c: reading.timeline(c, ctx.caller.tenant, incident))


def _tell(ctx: Context, id: str, kind: Kind, text: str) -> Told:
    """Write a person's word down, then tell the loop; raises `NotFound`, or `Conflict` where it makes no sense."""
    ports, tenant = ctx.ports, ctx.caller.tenant
    with ports.database.transaction() as transaction:
        incident = reading.the_incident(transaction, tenant, id)
        _check(incident, kind)
        said = Feedback(incident=incident.id, kind=kind, time_ms=now_ms(ctx), actor=ctx.caller.subject, text=text)
        People(ports.journal, ports.ids).feedback(transaction, tenant, said)
    ctx.state.inbox.tell(feedback=[said])
    ctx.state.bulletin.recorded()
    return Told(incident=said.incident, kind=kind, time_ms=said.time_ms, actor=said.actor)


def _check(incident: Incident, kind: Kind) -> None:
    resolved = incident.state is IncidentState.RESOLVED
    if resolved and kind in ("acknowledged", "resolved"):
        raise Conflict(f"the incident {incident.id} is resolved already")
    if not resolved and kind == "reopened":
        raise Conflict(f"the incident {incident.id} is still open")


def acknowledge(ctx: Context, incident: str, word: Word | None = None) -> Told:
    return _tell(ctx, incident, "acknowledged", word.text if word else "")


def resolve(ctx: Context, incident: str, word: Word | None = None) -> Told:
    return _tell(ctx, incident, "resolved", word.text if word else "")


def feedback(ctx: Context, incident: str, judgement: Judgement) -> Told:
    return _tell(ctx, incident, judgement.kind, judgement.text)


_GET = frozenset({"GET"})
ROUTES = (
    Route(
        method="POST",
        path="/api/ops/incidents/{incident}/acknowledge",
        handler=acknowledge,
        permission=WRITE,
        summary="Say that a person is looking.",
        status=202,
        errors=(400, 404, 409),
    ),
    Route(
        method="POST",
        path="/api/ops/incidents/{incident}/resolve",
        handler=resolve,
        permission=WRITE,
        summary="Say that it is over.",
        status=202,
        errors=(400, 404, 409),
    ),
    Route(
        method="POST",
        path="/api/ops/incidents/{incident}/feedback",
        handler=feedback,
        permission=WRITE,
        summary="Say that the diagnosis was right or wrong, or that the incident is not over.",
        status=202,
        errors=(400, 404, 409),
    ),
)
RAW_ROUTES = (
    RawRoute(
        methods=_GET,
        path="/api/ops/incidents",
        handler=listed,
        permission=READ,
        summary="Incidents, newest first, by state, severity, entity and time.",
        answer=wire.IncidentPage,
        query=wire.IncidentQuery,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/incidents/{incident}",
        handler=one,
        permission=READ,
        summary="One incident: what may be behind it, what was found, what was done and what people said.",
        answer=wire.IncidentDetail,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/incidents/{incident}/timeline",
        handler=timeline,
        permission=READ,
        summary="What happened around an incident, in order, each line with its cause.",
        answer=wire.Timeline,
    ),
)
