"""Forecasts and capacity over HTTP. The lists are bytes that the last look left; nothing is computed for them."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.model.errors import NotFound, Temporary
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.capacity.logic import planning, views
from steersman.services.capacity.model import wire
from steersman.services.capacity.model.bounded import Survey
from steersman.services.capacity.store.looking import CapacityState, Shown, look

READ = "capacity.forecasts.read"
REFRESH = "capacity.forecasts.refresh"
_GET = frozenset({"GET"})
_NOTHING = Shown.of(Survey(0))


def _shown(ctx: Context) -> Shown:
    """Return what the last look found. The telemetry that is looked at is the default tenant's, so only it is told."""
    state: CapacityState = ctx.state
    return state.shown if ctx.caller.tenant == DEFAULT_TENANT else _NOTHING


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


async def forecasts(ctx: Context, _request: Request) -> Response:
    return _json(_shown(ctx).forecasts)


async def resources(ctx: Context, _request: Request) -> Response:
    return _json(_shown(ctx).resources)


async def one(ctx: Context, request: Request) -> Response:
    found = _shown(ctx).by_id.get(request.path_params["id"])
    if found is None:
        raise NotFound(f"there is no forecast {request.path_params['id']!r}")
    return _json((await asyncio.to_thread(views.detail, found)).model_dump_json().encode())


def refresh(ctx: Context) -> wire.Refreshed:
    """Look now instead of in some minutes."""
    if not ctx.ports.get(TelemetryStore).ready:
        raise Temporary("the store is replaying its log; /readyz tells how far it is", retry_after=1.0)
    survey = look(ctx)
    return wire.Refreshed(time_ms=survey.time_ms, resources=len(survey.resources), forecasts=len(survey.forecasts))


def what_if(ctx: Context, question: wire.WhatIf) -> wire.WhatIfAnswer:
    """Answer what would run out when under other traffic or with fewer nodes. Nothing is changed by asking."""
    state: CapacityState = ctx.state
    return planning.what_if(_shown(ctx).survey, state.settings, question)


def plan(ctx: Context, service: str) -> wire.ReplicaPlan:
    """Return the replicas that a service needs, hour by hour for a day, and a HorizontalPodAutoscaler."""
    state: CapacityState = ctx.state
    for demand in _shown(ctx).survey.demands:
        if demand.service == service:
            return planning.replica_plan(demand, state.settings)
    raise NotFound(f"no traffic of a service {service!r} is known")


PERMISSIONS = {
    READ: "See forecasts, when what is bounded runs out, what-if answers and replica plans.",
    REFRESH: "Have everything bounded looked at now.",
}
ROUTES = (
    Route(
        method="POST",
        path="/api/ops/capacity/refresh",
        handler=refresh,
        permission=REFRESH,
        summary="Look at everything bounded now.",
        errors=(503,),
    ),
    Route(
        method="POST",
        path="/api/ops/capacity/what-if",
        handler=what_if,
        permission=READ,
        summary="What would run out when, and how many replicas services would need.",
        errors=(400, 409),
    ),
    Route(
        method="GET",
        path="/api/ops/capacity/plan",
        handler=plan,
        permission=READ,
        summary="A replica plan of a service, and a HorizontalPodAutoscaler for Kubernetes.",
        errors=(400, 404, 409),
    ),
)
RAW_ROUTES = (
    RawRoute(
        methods=_GET,
        path="/api/ops/forecasts",
        handler=forecasts,
        permission=READ,
        summary="Every forecast with its back-tested error.",
        answer=wire.Forecasts,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/forecasts/{id}",
        handler=one,
        permission=READ,
        summary="One forecast with its points and their interval.",
        answer=wire.ForecastDetail,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/capacity",
        handler=resources,
        permission=READ,
        summary="What is bounded, when it runs out, and how far to trust that.",
        answer=wire.Resources,
    ),
)
