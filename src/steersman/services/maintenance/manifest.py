"""Everything that maintenance declares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from steersman.contract.ports import Context, Ports
from steersman.contract.service import Job, Measurement, Service, Signal, SignalKind
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.maintenance.jobs import watch
from steersman.services.maintenance.model.settings import MaintenanceSettings
from steersman.services.maintenance.store.looking import MaintenanceState, Shown
from steersman.services.maintenance.store.smartctl import SmartDisks
from steersman.services.maintenance.store.telemetry import Evidence
from steersman.services.maintenance.web import PERMISSIONS, RAW_ROUTES, ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[MaintenanceState]:
    """Begin with nothing known; the first look comes soon."""
    settings = ports.settings.section(MaintenanceSettings)
    nothing = Shown.of((), ports.clock.wall_ns() // 1_000_000)
    yield MaintenanceState(settings, Evidence(ports.get(TelemetryStore)), SmartDisks(settings), nothing)


def measure(ctx: Context) -> Iterable[Measurement]:
    """Tell the figures of the last look."""
    state: MaintenanceState = ctx.state
    yield Measurement("steersman_maintenance_components", float(len(state.shown.found)))
    yield Measurement("steersman_maintenance_look_seconds", state.shown.seconds)
    yield Measurement("steersman_maintenance_silent_disks", float(len(state.disks.trouble)))


def _gauge(name: str, help: str, unit: str = "") -> Signal:
    return Signal(name=name, kind=SignalKind.GAUGE, help=help, unit=unit)


SERVICE = Service(
    name="maintenance",
    help="Predictive maintenance: which components are likely to fail soon, from trends, logs and SMART data.",
    prefixes=("/api/ops/maintenance",),
    settings=MaintenanceSettings,
    lifespan=lifespan,
    measure=measure,
    requires=(TelemetryStore,),
    permissions=PERMISSIONS,
    signals=(
        _gauge("steersman_maintenance_components", "Components that the last look assessed."),
        _gauge("steersman_maintenance_look_seconds", "How long the last look took.", "seconds"),
        _gauge("steersman_maintenance_silent_disks", "Configured disks that told no SMART data."),
    ),
    routes=ROUTES,
    raw_routes=RAW_ROUTES,
    jobs=(Job(name="watch", run=watch),),
)
