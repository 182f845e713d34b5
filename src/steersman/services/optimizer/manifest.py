"""Everything that optimizer declares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from steersman.contract.ports import Context, Ports
from steersman.contract.service import Event, Job, Measurement, Service, Signal, SignalKind
from steersman.runtime.actions import Actions
from steersman.runtime.house import House
from steersman.runtime.knobs import Knobs
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.optimizer.jobs.watch import experiment, recommend
from steersman.services.optimizer.model.settings import OptimizerSettings
from steersman.services.optimizer.store.board import OptimizerState, show
from steersman.services.optimizer.store.personal import PERSONAL
from steersman.services.optimizer.store.tables import prepare
from steersman.services.optimizer.web import PERMISSIONS, RAW_ROUTES, ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[OptimizerState]:
    """Prepare the tables; the jobs do the rest."""
    prepare(ports.database)
    yield OptimizerState(ports.settings.section(OptimizerSettings), show(ports))


def measure(ctx: Context) -> Iterable[Measurement]:
    """Tell what is going on."""
    state: OptimizerState = ctx.state
    yield Measurement("steersman_optimizer_recommendations", float(state.shown.open))
    yield Measurement("steersman_optimizer_experiment_running", 1.0 if state.running else 0.0)


SERVICE = Service(
    name="optimizer",
    help="The performance optimiser: turns declared knobs in guarded experiments, and keeps what gains.",
    prefixes=("/api/ops/recommendations", "/api/ops/experiments"),
    settings=OptimizerSettings,
    lifespan=lifespan,
    measure=measure,
    requires=(TelemetryStore, House, Actions, Knobs),
    permissions=PERMISSIONS,
    personal=PERSONAL,
    signals=(
        Signal(
            name="steersman_optimizer_recommendations",
            kind=SignalKind.GAUGE,
            help="Recommendations that nobody has answered.",
        ),
        Signal(
            name="steersman_optimizer_experiment_running",
            kind=SignalKind.GAUGE,
            help="1 while a knob goes to and fro for an experiment.",
        ),
    ),
    events=(Event("optimizer.experiment", 1, "An experiment began, ended or was taken back; both values and why."),),
    routes=ROUTES,
    raw_routes=RAW_ROUTES,
    jobs=(Job(name="experiment", run=experiment), Job(name="recommend", run=recommend)),
)
