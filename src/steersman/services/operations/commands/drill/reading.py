"""Reads the watcher's public answers into what the judge knows. A field that is missing is a fault of the interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from steersman.model.plans import Autonomy
from steersman.services.operations.commands.drill.observed import IncidentSeen, PlanSeen, Ranked


def items(answer: Any) -> Sequence[Mapping[str, Any]]:
    """Return the elements of a listing, which is a list or an object with one."""
    if isinstance(answer, list):
        return answer
    listed = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise TypeError(f"the answer is no listing: {str(answer)[:200]}")
    return listed


def incident(answer: Mapping[str, Any], seen_ms: int) -> IncidentSeen:
    """Read one incident."""
    return IncidentSeen(
        id=str(answer["id"]),
        seen_ms=seen_ms,
        opened_ms=int(answer["opened_ms"]),
        severity=answer["severity"],
        state=answer["state"],
        title=answer["title"],
        entities=tuple(answer["entities"]),
        ranking=tuple(_ranked(answer["hypotheses"])),
    )


def _ranked(hypotheses: Sequence[Mapping[str, Any]]) -> Iterator[Ranked]:
    for one in hypotheses:
        yield Ranked(one["cause"], reference(one["entity"]), float(one["score"]))


def reference(entity: Any) -> str:
    """Return the reference of an entity that is given as one or as its parts."""
    return entity if isinstance(entity, str) else f"{entity['kind']}:{entity['id']}"


def plan(answer: Mapping[str, Any]) -> PlanSeen:
    """Read one plan with its verdict."""
    remedy, verdict = answer["remedy"], answer.get("verdict") or {}
    return PlanSeen(
        id=str(answer["id"]),
        incident=str(answer["incident"]),
        action=remedy["action"],
        target=reference(remedy["target"]),
        autonomy=_autonomy(answer["autonomy"]),
        state=answer["state"],
        decided_ms=int(answer["decided_ms"]),
        applied_ms=answer.get("applied_ms"),
        summary=remedy.get("summary", ""),
        outcome=answer.get("outcome", ""),
        verdict=verdict.get("kind", ""),
        harm=tuple(verdict.get("harm", ())),
    )


def _autonomy(given: Any) -> str:
    return (Autonomy(given).name if isinstance(given, int) else str(given)).lower()
