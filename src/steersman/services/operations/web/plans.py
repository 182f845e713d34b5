"""Plans and a person's answer to them; the actions that plans are made of, and what was learnt about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated

from fastapi import Query

from steersman.contract.ports import Context
from steersman.contract.service import Action, Route
from steersman.engine.decide_policy import Target, autonomy
from steersman.model.entities import CauseKind, Entity
from steersman.model.errors import Conflict
from steersman.model.ids import Id
from steersman.model.plans import Policy, Remedy
from steersman.runtime.house import House
from steersman.services.operations.logic import views
from steersman.services.operations.logic.guards import APPROVE
from steersman.services.operations.logic.will import autonomy_name, risk_name
from steersman.services.operations.model import wire
from steersman.services.operations.model.overview import ActionView
from steersman.services.operations.model.people import Answered, Word
from steersman.services.operations.store import loading, reading

READ = "operations.plans.read"


def plans(ctx: Context, query: Annotated[wire.PlanQuery, Query()]) -> wire.PlanPage:
    with ctx.ports.database.reading() as connection:
        return reading.plan_page(connection, ctx.caller.tenant, query)


def plan(ctx: Context, plan: str) -> wire.PlanDetail:
    with ctx.ports.database.reading() as connection:
        return reading.the_plan(connection, ctx.caller.tenant, plan)


def approve(ctx: Context, plan: str) -> Answered:
    known = _known(ctx, plan)
    goes_on = ctx.state.executor.approve(known, ctx.caller)
    ctx.state.bulletin.recorded()
    return Answered(plan=known, answer="approve", details={} if goes_on else {"missing": 1})


def reject(ctx: Context, plan: str, word: Word | None = None) -> Answered:
    known = _known(ctx, plan)
    ctx.state.executor.reject(known, ctx.caller, word.text if word else "")
    ctx.state.bulletin.recorded()
    return Answered(plan=known, answer="reject")


def undo(ctx: Context, plan: str, word: Word | None = None) -> Answered:
    """Take back what a plan did; one that had no effect yet has nothing to take back."""
    known = _known(ctx, plan)
    with ctx.ports.database.reading() as connection:
        found = reading.the_plan(connection, ctx.caller.tenant, plan)
    if found.applied_ms is None:
        raise Conflict(f"the plan {plan} has had no effect: it is {found.state}")
    reason = f"{ctx.caller.subject} wished it" + (f": {word.text}" if word and word.text else "")
    ctx.state.executor.undo(known, reason)
    ctx.state.bulletin.recorded()
    return Answered(plan=known, answer="undo")


def _known(ctx: Context, plan: str) -> Id:
    """Return the plan's id, if it is one of this tenant's; raises `NotFound`."""
    with ctx.ports.database.reading() as connection:
        return Id(reading.the_plan(connection, ctx.caller.tenant, plan).id)


def lessons(ctx: Context) -> list[wire.LessonDetail]:
    with ctx.ports.database.reading() as connection:
        return [views.lesson_detail(lesson) for lesson in loading.lessons(connection, ctx.caller.tenant)]


def actions(ctx: Context) -> list[ActionView]:
    """Return every installed action, those of plug-ins included, with what the policy allows by default."""
    with ctx.ports.database.reading() as connection:
        learnt = loading.lessons(connection, ctx.caller.tenant)
    counts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for lesson in learnt:
        counts[lesson.action][0] += lesson.helped
        counts[lesson.action][1] += lesson.failed
    policy = ctx.state.bulletin.policy()
    return [
        _action(f"{service.name}.{action.name}", action, policy, counts)
        for service in ctx.ports.get(House).services
        for action in service.actions
    ]


def _action(name: str, action: Action, policy: Policy, counts: Mapping[str, list[float]]) -> ActionView:
    helped, failed = counts[name]
    return ActionView(
        action=name,
        help=action.help,
        permission=action.permission,
        risk=risk_name(action.risk),
        target=action.target_kind,
        helps=sorted(action.helps),
        undo="undo" if action.undo else "compensation" if action.compensate else "none",
        gain=action.gain,
        timeout_seconds=action.timeout_seconds,
        per_hour=action.per_hour,
        proposes_itself=action.propose is not None,
        autonomy=_allowed(name, action, policy, self_healing=False),
        autonomy_self_healing=_allowed(name, action, policy, self_healing=True),
        helped=helped,
        failed=failed,
    )


def _allowed(name: str, action: Action, policy: Policy, *, self_healing: bool) -> wire.AutonomyName:
    cause = min(action.helps, default=CauseKind.CRASH)
    entity = Entity(action.target_kind, "any")
    remedy = Remedy(action=name, args={}, target=entity, cause=cause, risk=action.risk, summary="")
    return autonomy_name(autonomy(policy, remedy, Target(entity.ref, environment="", self_healing=self_healing)))


ROUTES = (
    Route(
        method="GET",
        path="/api/ops/plans",
        handler=plans,
        permission=READ,
        summary="Plans, newest first, by state and incident.",
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/api/ops/plans/{plan}",
        handler=plan,
        permission=READ,
        summary="One plan: what, why, how it would be undone, what came of it.",
        errors=(404,),
    ),
    Route(
        method="POST",
        path="/api/ops/plans/{plan}/approve",
        handler=approve,
        permission=APPROVE,
        summary="Say yes: it is carried out now, or once another person has said so where two people have to.",
        status=202,
        errors=(404, 409),
    ),
    Route(
        method="POST",
        path="/api/ops/plans/{plan}/reject",
        handler=reject,
        permission=APPROVE,
        summary="Say no.",
        status=202,
        errors=(400, 404, 409),
    ),
    Route(
        method="POST",
        path="/api/ops/plans/{plan}/undo",
        handler=undo,
        permission=APPROVE,
        summary="Take back what it did.",
        status=202,
        errors=(400, 404, 409),
    ),
    Route(
        method="GET",
        path="/api/ops/actions",
        handler=actions,
        permission=READ,
        summary="What can be done: every installed action with its risk, its autonomy and how often it helped.",
    ),
    Route(
        method="GET",
        path="/api/ops/lessons",
        handler=lessons,
        permission=READ,
        summary="How often each action helped in each situation.",
    ),
)
