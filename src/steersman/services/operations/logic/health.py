"""A health score that explains itself: every point that is missing names the finding that took it.

An entity begins at 100. For each aspect its worst active finding counts once: 40 points if critical, 15 for a
warning, 3 for an information. The score of everything is half the mean over all entities and half the lowest, so that
one dead service among a hundred healthy ones is still seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from steersman.model.findings import Aspect, Finding, Severity
from steersman.services.operations.model.overview import Deduction, EntityHealth, HealthScore

POINTS: Mapping[Severity, int] = {"critical": 40, "warning": 15, "info": 3}
FULL = 100
_WORDS = (
    "Each entity begins at 100 and loses points for its worst active finding of each aspect: 40 if critical, 15 if a "
    "warning, 3 if an information. The whole is half the mean of all entities and half the lowest."
)


def health_score(findings: Iterable[Finding], entities: Iterable[str]) -> HealthScore:
    """Score every entity that is known or has findings, and everything together."""
    worst: dict[str, dict[Aspect, Finding]] = {entity: {} for entity in entities}
    for finding in findings:
        if not finding.active:
            continue
        mine = worst.setdefault(finding.entity.ref, {})
        known = mine.get(finding.aspect)
        if known is None or POINTS[finding.severity] > POINTS[known.severity]:
            mine[finding.aspect] = finding
    scored = sorted((_entity(ref, mine) for ref, mine in worst.items()), key=lambda one: (one.score, one.entity))
    return HealthScore(score=_whole(scored), explanation=_WORDS, entities=scored)


def _entity(ref: str, worst: Mapping[Aspect, Finding]) -> EntityHealth:
    ordered = sorted(worst.values(), key=lambda finding: (-POINTS[finding.severity], finding.aspect))
    lost = [_deduction(finding) for finding in ordered]
    score = max(0, FULL - sum(one.points for one in lost))
    return EntityHealth(entity=ref, score=score, deductions=lost)


def _deduction(finding: Finding) -> Deduction:
    return Deduction(
        points=POINTS[finding.severity],
        severity=finding.severity,
        aspect=finding.aspect,
        reason=finding.reason,
        finding=finding.key,
    )


def _whole(scored: list[EntityHealth]) -> int:
    if not scored:
        return FULL
    mean = sum(one.score for one in scored) / len(scored)
    return round((mean + scored[0].score) / 2)
