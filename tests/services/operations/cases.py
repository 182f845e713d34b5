"""The examples of operations for the conformance kit."""

from __future__ import annotations

from steersman.contract.objects import OWNER, Ask
from steersman.contract.ports import Context
from steersman.contract.testing import ActionCase, Cases, ObjectCase
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.ids import Tenant
from steersman.model.incidents import Incident
from steersman.model.plans import Autonomy, Plan, PlanState, Remedy, Risk
from steersman.model.rounds import Command, Decided, IncidentChanged
from steersman.runtime.actions import Approval, Kind, State, Wanted, waiting
from steersman.runtime.http.limits import Limits
from steersman.services.operations.store.recording import Chronicle

_ORDERS = Entity(EntityKind.SERVICE, "orders")


def in_flight_limit(context: Context) -> float:
    """Read the knob that the example turns, where its service keeps it."""
    return context.ports.get(Limits).in_flight_limit


def _record(context: Context, *commands: Command) -> None:
    """Write down what the loop would have decided."""
    ports = context.ports
    chronicle = Chronicle(ports.journal, ports.ids)
    with ports.database.transaction() as transaction:
        chronicle.record(transaction, context.caller.tenant, commands, ports.clock.wall_ns() // 1_000_000)
    context.state.bulletin.recorded()


def _incident(_ask: Ask, context: Context) -> str:
    now = context.ports.clock.wall_ns() // 1_000_000
    one = Incident(
        id=context.ports.ids.new(), opened_ms=now, updated_ms=now, severity="warning", title="orders answers slowly",
        findings=(), entities=(_ORDERS.ref,), hypotheses=(),
    )  # fmt: skip
    _record(context, IncidentChanged(one, "found"))
    return one.id


def _plan(ask: Ask, context: Context) -> str:
    remedy = Remedy(
        action="workloads.restart", args={"service": "orders"}, target=_ORDERS, cause=CauseKind.HANG, risk=Risk.DISRUPTIVE,
        summary="restart orders", undo="start it again",
    )  # fmt: skip
    one = Plan(
        id=context.ports.ids.new(), incident=_incident(ask, context), remedy=remedy, cause="hang@service:orders",
        confidence=0.8, autonomy=Autonomy.SUGGEST, decided_ms=context.ports.clock.wall_ns() // 1_000_000,
        reason="a restart helps", state=PlanState.SUGGESTED,
    )  # fmt: skip
    _record(context, Decided(one))
    return one.id


def _approval(_ask: Ask, context: Context) -> str:
    """Let somebody of a tenant want what two people have to want, and whoever asks could do it themselves."""
    ports = context.ports
    now = ports.clock.wall_ns() // 1_000_000
    wanted = Wanted(
        tenant=Tenant(OWNER), kind=Kind.OPERATION, operation="example.thing", key=ports.ids.new(), args={},
        permissions=("operations.approvals.read",),
    )  # fmt: skip
    one = Approval(
        id=ports.ids.new(), wanted=wanted, asked_by="somebody", asked_ms=now, expires_ms=now + 3_600_000, state=State.WAITING
    )  # fmt: skip
    with ports.database.transaction() as transaction:
        waiting.add(transaction, one)
    return one.id


_INCIDENTS, _PLANS, _APPROVALS = "/api/ops/incidents", "/api/ops/plans", "/api/ops/approvals"
CASES = Cases(
    objects={
        f"{_INCIDENTS}/{{incident}}": ObjectCase(
            make=_incident,
            shown=(f"{_INCIDENTS}/{{}}", f"{_INCIDENTS}/{{}}/timeline"),
            named=(("GET", "/api/ops/diagnoses?incident={}", None),),
        ),
        f"{_PLANS}/{{plan}}": ObjectCase(make=_plan, shown=(_PLANS, f"{_PLANS}/{{}}")),
        f"{_APPROVALS}/{{approval}}": ObjectCase(make=_approval, shown=(_APPROVALS, f"{_APPROVALS}/{{}}")),
    },
    actions={
        "set_knob": ActionCase(
            args={"service": "platform", "knob": "in_flight_limit", "value": 2048.0},
            observe=in_flight_limit,
            also=frozenset({"platform.limits.write"}),
        )
    },
)
