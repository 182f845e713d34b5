"""Reads the watcher's public answers into what the judge knows."""

from __future__ import annotations

from steersman.services.operations.commands.drill.observed import IncidentSeen, PlanSeen, Ranked
from steersman.services.operations.model import wire


def incident(answer: wire.IncidentDetail, seen_ms: int) -> IncidentSeen:
    """Read one incident."""
    return IncidentSeen(
        id=answer.id,
        seen_ms=seen_ms,
        opened_ms=answer.opened_ms,
        severity=answer.severity,
        state=answer.state,
        title=answer.title,
        entities=tuple(answer.entities),
        ranking=tuple(Ranked(one.cause, one.entity, one.score) for one in answer.hypotheses),
    )


def plan(answer: wire.PlanDetail) -> PlanSeen:
    """Read one plan with its verdict."""
    return PlanSeen(
        id=answer.id,
        incident=answer.incident,
        action=answer.action,
        target=answer.target,
        autonomy=answer.autonomy,
        state=answer.state,
        decided_ms=answer.decided_ms,
        applied_ms=answer.applied_ms,
        summary=answer.summary,
        outcome=answer.outcome,
        verdict=answer.verdict.kind if answer.verdict else "",
        harm=tuple(answer.verdict.harm) if answer.verdict else (),
    )
