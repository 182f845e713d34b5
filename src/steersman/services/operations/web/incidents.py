"""Incidents: the list, one, its timeline, and a person's word on it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.services.operations.model import wire
from steersman.services.operations.store import reading
from steersman.services.operations.web.answers import kept_answer, parsed

READ = "operations.incidents.read"
WRITE = "operations.incidents.write"


async def listed(ctx: Context, request: Request) -> Response:
    query = parsed(wire.IncidentQuery, request)
    return await kept_answer(ctx, request, lambda c: reading.incident_page(c, ctx.caller.tenant, query))


async def one(ctx: Context, request: Request) -> Response:
    incident = request.path_params["incident"]
    return await kept_answer(ctx, request, lambda c: reading.incident_detail(c, ctx.caller.tenant, incident))


async def timeline(ctx: Context, request: Request) -> Response:
    incident = request.path_params["incident"]
    return await kept_answer(ctx, request, lambda c: reading.timeline(c, ctx.caller.tenant, incident))


_GET = frozenset({"GET"})
ROUTES: tuple[Route, ...] = ()
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
