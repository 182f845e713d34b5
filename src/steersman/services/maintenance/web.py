"""Predictive maintenance over HTTP. The list is bytes that the last look left; nothing is computed for it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.model.errors import NotFound, Temporary
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.maintenance.logic import views
from steersman.services.maintenance.model import wire
from steersman.services.maintenance.store.looking import MaintenanceState, Shown, look

READ = "maintenance.components.read"
REFRESH = "maintenance.components.refresh"
_GET = frozenset({"GET"})
_NOTHING = Shown.of((), 0)


def _shown(ctx: Context) -> Shown:
    """Return what the last look found. The telemetry that is looked at is the default tenant's, so only it is told."""
    state: MaintenanceState = ctx.state
    return state.shown if ctx.caller.tenant == DEFAULT_TENANT else _NOTHING


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


async def listed(ctx: Context, _request: Request) -> Response:
    return _json(_shown(ctx).listed)


async def schedule(ctx: Context, _request: Request) -> Response:
    """Lay the work out from now on, around what is busy."""
    now_ms = ctx.ports.clock.wall_ns() // 1_000_000
    return _json(views.schedule(_shown(ctx).found, ctx.state.settings, now_ms).model_dump_json().encode())


def one(ctx: Context, component: str) -> wire.ComponentView:
    """Return one component by its id."""
    found = _shown(ctx).by_id.get(component)
    if found is None:
        raise NotFound(f"there is no component {component!r}")
    return found


def refresh(ctx: Context) -> wire.Components:
    """Look now instead of in some minutes."""
    if not ctx.ports.get(TelemetryStore).ready:
        raise Temporary("the store is replaying its log; /readyz tells how far it is", retry_after=1.0)
    shown = look(ctx)
    return views.components(shown.found, shown.time_ms)


PERMISSIONS = {
    READ: "See which components are likely to fail, why, and what to do before when.",
    REFRESH: "Have every component looked at now.",
}
ROUTES = (
    Route(
        method="POST",
        path="/api/ops/maintenance/refresh",
        handler=refresh,
        permission=REFRESH,
        summary="Look at every component now.",
        errors=(503,),
    ),
    Route(
        method="GET",
        path="/api/ops/maintenance/{component}",
        handler=one,
        permission=READ,
        summary="One component.",
        errors=(404,),
    ),
)
RAW_ROUTES = (
    RawRoute(
        methods=_GET,
        path="/api/ops/maintenance",
        handler=listed,
        permission=READ,
        summary="Every component with the probability that it fails within 1, 7 and 30 days, and the evidence.",
        answer=wire.Components,
    ),
    RawRoute(
        methods=_GET,
        path="/api/ops/maintenance/schedule",
        handler=schedule,
        permission=READ,
        summary="What to do before when, outside of busy hours.",
        answer=wire.Schedule,
    ),
)
