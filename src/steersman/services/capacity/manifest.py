"""Everything that capacity declares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from steersman.contract.ports import Context, Ports
from steersman.contract.service import Job, Measurement, Service, Signal, SignalKind
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.capacity.jobs import watch
from steersman.services.capacity.model.bounded import Survey
from steersman.services.capacity.model.settings import CapacitySettings
from steersman.services.capacity.store.looking import CapacityState, Shown
from steersman.services.capacity.store.survey import Surveyor
from steersman.services.capacity.web import PERMISSIONS, RAW_ROUTES, ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[CapacityState]:
    """Begin with nothing known; the first look comes soon."""
    settings = ports.settings.section(CapacitySettings)
    store = ports.get(TelemetryStore)
    surveyor = Surveyor.of(settings, lambda: store.queries)
    yield CapacityState(settings, surveyor, Shown.of(Survey(ports.clock.wall_ns() // 1_000_000)))


def measure(ctx: Context) -> Iterable[Measurement]:
    """Tell the figures of the last look."""
    shown: Shown = ctx.state.shown
    yield Measurement("steersman_capacity_forecasts", float(len(shown.by_id)))
    yield Measurement("steersman_capacity_look_seconds", shown.seconds)
    yield Measurement("steersman_capacity_left_out_series", float(sum(count for _, count in shown.survey.left_out)))


def _gauge(name: str, help: str, unit: str = "") -> Signal:
    return Signal(name=name, kind=SignalKind.GAUGE, help=help, unit=unit)


SERVICE = Service(
    name="capacity",
    help="The capacity planner: forecasts when what is bounded runs out, and what would change that.",
    prefixes=("/api/ops/capacity", "/api/ops/forecasts"),
    settings=CapacitySettings,
    lifespan=lifespan,
    measure=measure,
    requires=(TelemetryStore,),
    permissions=PERMISSIONS,
    signals=(
        _gauge("steersman_capacity_forecasts", "Series that the last look made or tried a forecast of."),
        _gauge("steersman_capacity_look_seconds", "How long the last look took.", "seconds"),
        _gauge("steersman_capacity_left_out_series", "Series beyond the cap that nothing was forecast of."),
    ),
    routes=ROUTES,
    raw_routes=RAW_ROUTES,
    jobs=(Job(name="watch", run=watch),),
)
