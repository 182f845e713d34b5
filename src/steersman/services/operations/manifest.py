"""Everything that operations declares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from steersman.contract.ports import Context, Observer, Ports
from steersman.contract.service import Event, Job, Service
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.plans import Policy
from steersman.runtime.actions import Actions, Approvals
from steersman.runtime.house import House
from steersman.runtime.knobs import Knobs
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.operations.actions import ACTIONS
from steersman.services.operations.commands import COMMANDS
from steersman.services.operations.jobs.alerts import AlertIntake
from steersman.services.operations.jobs.approvals import carry, expire
from steersman.services.operations.jobs.execute import Executor
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.jobs.loop import Loop, tend_plans, turn_rounds
from steersman.services.operations.jobs.recorder import Recorder
from steersman.services.operations.jobs.watch import watch_invariants, watch_knobs, watch_signals
from steersman.services.operations.logic.bulletin import Bulletin
from steersman.services.operations.logic.policy import OperationsSettings, effective, policy_of
from steersman.services.operations.store.people import stored_policy
from steersman.services.operations.store.personal import PERSONAL
from steersman.services.operations.store.recording import Chronicle
from steersman.services.operations.store.tables import prepare
from steersman.services.operations.web import PAGES, PERMISSIONS, RAW_ROUTES, ROUTES, TENANTED
from steersman.services.operations.web.answers import Answers
from steersman.services.operations.web.recording import RAW_ROUTES as RECORDING


@dataclass(frozen=True, slots=True)
class OperationsState:
    """What handlers and jobs share."""

    inbox: Inbox
    bulletin: Bulletin
    answers: Answers
    alerts: AlertIntake
    settings: OperationsSettings
    loop: Loop
    executor: Executor
    recorder: Recorder

    @property
    def provided(self) -> dict[type, object]:
        """What other services may ask for."""
        return {Observer: self.inbox}


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[OperationsState]:
    """Prepare the loop; the jobs make it turn."""
    prepare(ports.database)
    settings = ports.settings.section(OperationsSettings)
    inbox, bulletin = Inbox(), Bulletin()

    def policy(now_ms: int) -> Policy:
        with ports.database.reading() as connection:
            return effective(policy_of(settings, now_ms), stored_policy(connection, DEFAULT_TENANT))

    executor = Executor.open(ports, inbox, policy, settings.approval_seconds)
    loop = Loop(
        ports=ports,
        inbox=inbox,
        chronicle=Chronicle(ports.journal, ports.ids),
        executor=executor,
        bulletin=bulletin,
        policy=policy,
    )
    carry(ports.get(Approvals), ports.get(House), ports.get(Actions), executor)
    bulletin.policy = lambda: policy(ports.clock.wall_ns() // 1_000_000)
    bulletin.reconsider = loop.reconsider_policy
    yield OperationsState(
        inbox=inbox,
        bulletin=bulletin,
        answers=Answers(bulletin),
        alerts=AlertIntake(ports.database, ports.clock, inbox),
        settings=settings,
        loop=loop,
        executor=executor,
        recorder=Recorder(loop.beginning),
    )


async def _turn(ctx: Context) -> None:
    """Go on where the last life ended, then turn."""
    state: OperationsState = ctx.state
    await turn_rounds(state.loop, ctx.ports.get(TelemetryStore), state.recorder, state.settings.round_seconds)


JOBS = (
    Job(name="approvals", run=expire),
    Job(name="alerts", run=lambda ctx: ctx.state.alerts.run()),
    Job(name="loop", run=_turn),
    Job(name="plans", run=lambda ctx: tend_plans(ctx.state.loop)),
    Job(name="signals", run=lambda ctx: watch_signals(ctx, ctx.state.inbox)),
    Job(name="knobs", run=lambda ctx: watch_knobs(ctx, ctx.state.inbox)),
    Job(name="invariants", run=lambda ctx: watch_invariants(ctx, ctx.state.inbox)),
)


EVENTS = (
    Event("ops.finding", 1, "Something unusual began, grew or ended; the subject is its incident, or its entity."),
    Event("ops.incident", 1, "An incident is new or different, and why; the cause is the finding that changed it."),
    Event("ops.plan", 1, "A decision to do something, to ask for it or to suggest it; the cause is the incident."),
    Event(
        "ops.execution", 1, "A step of carrying a plan out: taken, begun, applied, refused; the subject is the plan."
    ),
    Event("ops.abstained", 1, "A decision to do nothing now, and why; the cause is the incident."),
    Event("ops.verdict", 1, "Whether a deed helped, and whether it is taken back; the cause is the plan."),
    Event("ops.lesson", 1, "How often an action has helped in a situation by now; the cause is the verdict."),
    Event("ops.feedback", 1, "A person's word on an incident."),
    Event("ops.policy", 1, "A new version of the policy, by whom and why."),
    Event("approval.asked", 1, "Somebody wants what two people have to want; the subject is the operation."),
    Event("approval.agreed", 1, "A second person agreed; both by the ids of their accounts."),
    Event("approval.used", 1, "What both agreed to is done now, once; both by the ids of their accounts."),
    Event("approval.rejected", 1, "Somebody said no to it, and why."),
    Event("approval.withdrawn", 1, "Whoever asked took it back."),
    Event("approval.expired", 1, "Nobody answered in time, or one of the two may not do it any more."),
)

SERVICE = Service(
    name="operations",
    help="The AIOps engine, which finds and explains, and the operations manager, which decides, acts and learns.",
    prefixes=(
        "/api/ops/status",
        "/api/ops/health",
        "/api/ops/metrics",
        "/api/ops/anomalies",
        "/api/ops/incidents",
        "/api/ops/diagnoses",
        "/api/ops/plans",
        "/api/ops/actions",
        "/api/ops/approvals",
        "/api/ops/lessons",
        "/api/ops/policies",
        "/api/ops/drills",
        "/api/ops/topology",
        "/api/ops/changes",
        "/api/ops/stream",
        "/api/ops/recording",
        "/api/v2",
        "/ops",
    ),
    settings=OperationsSettings,
    lifespan=lifespan,
    requires=(TelemetryStore, House, Actions, Approvals, Knobs),
    provides=(Observer,),
    permissions={
        **PERMISSIONS,
        "operations.recording.read": "Record what the loop is told.",
        "operations.knobs.write": "Turn the knobs that services declare.",
    },
    tenanted=TENANTED,
    personal=PERSONAL,
    actions=ACTIONS,
    events=EVENTS,
    routes=ROUTES,
    raw_routes=(*RAW_ROUTES, *RECORDING),
    pages=PAGES,
    commands=COMMANDS,
    jobs=JOBS,
)
