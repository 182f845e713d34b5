from __future__ import annotations

from steersman.engine.loop import LoopState, step
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.incidents import IncidentState
from steersman.model.plans import Autonomy, PlanState, Remedy, Risk, VerdictKind
from steersman.model.rounds import (
    AskRemedies,
    Decided,
    IncidentChanged,
    Judged,
    Learnt,
    Progress,
    Remedies,
    Round,
)

T0 = 1_767_225_600_000
ORDERS = Entity(EntityKind.SERVICE, "orders", (("self_healing", "true"),))
RESTART = Remedy(
    action="workloads.restart",
    args={"service": "orders"},
    target=ORDERS,
    cause=CauseKind.CRASH,
    risk=Risk.DISRUPTIVE,
    summary="restart orders",
)


def down(ended_ms: int | None = None) -> Finding:
    return Finding(
        key="up@orders",
        entity=ORDERS,
        aspect=Aspect.AVAILABILITY,
        direction=Direction.GONE,
        source=FindingSource.HEALTH,
        severity="critical",
        started_ms=T0,
        seen_ms=T0,
        reason="orders exited with code 1",
        suggests=frozenset({CauseKind.CRASH}),
        ended_ms=ended_ms,
    )


def test_a_crash_is_explained_repaired_verified_and_resolved() -> None:
    """One crash goes through every stage of the loop."""
    state, told = LoopState(), []

    def play(second: int, *noticed: Finding, **more: object) -> list[object]:
        nonlocal state
        state, commands = step(state, Round(now_ms=T0 + second * 1000, seed=second, **more), noticed)  # type: ignore[arg-type]
        told.extend(commands)
        return list(commands)

    play(0, down())
    asked = next(one for one in play(1) if isinstance(one, AskRemedies))
    assert asked.hypotheses[0].key == "crash@service:orders"
    answer = Remedies(asked.incident, (RESTART,))
    plan = next(one for one in play(2, remedies=(answer,)) if isinstance(one, Decided)).plan
    assert (plan.autonomy, plan.state) == (Autonomy.ACT, PlanState.APPROVED)
    play(3, progress=(Progress(plan=plan.id, state="verifying", time_ms=T0 + 3000),))
    play(5, down(ended_ms=T0 + 5000))
    judged = [one for second in range(6, 10) for one in play(second) if isinstance(one, Judged)]
    assert [(one.verdict.kind, one.undo) for one in judged] == [(VerdictKind.CURED, False)]
    for second in range(10, 20):
        play(second)
    assert [one.lesson.helped for one in told if isinstance(one, Learnt)] == [1.0]
    last = [one for one in told if isinstance(one, IncidentChanged)][-1].incident
    assert (last.state, last.resolution) == (IncidentState.RESOLVED, "restart orders: cured after 5 s")
    assert (state.incidents, state.plans) == ({}, {})
