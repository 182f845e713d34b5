"""Shapes what the loop knows into what programs and people read. Pure: the same values give the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from steersman.contract.ports import JournalEntry
from steersman.model.changes import Change
from steersman.model.findings import Finding
from steersman.model.ids import Id
from steersman.model.incidents import Hypothesis, Incident
from steersman.model.plans import Lesson, Plan, Verdict
from steersman.services.operations.logic.lines import finite
from steersman.services.operations.model import wire
from steersman.services.operations.model.overview import ChangeView


def belief(hypothesis: Hypothesis) -> wire.Belief:
    """A cause without its evidence."""
    return wire.Belief(cause=hypothesis.cause, entity=hypothesis.entity.ref, score=hypothesis.score)


def hypothesis_detail(hypothesis: Hypothesis) -> wire.HypothesisDetail:
    """A cause with its evidence."""
    evidence = [
        wire.EvidenceLine(text=one.text, weight=one.weight, reference=one.reference) for one in hypothesis.evidence
    ]
    return wire.HypothesisDetail(
        cause=hypothesis.cause, entity=hypothesis.entity.ref, score=hypothesis.score, evidence=evidence
    )


def _summary_values(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "state": incident.state,
        "severity": incident.severity,
        "title": incident.title,
        "opened_ms": incident.opened_ms,
        "updated_ms": incident.updated_ms,
        "mitigated_ms": incident.mitigated_ms,
        "resolved_ms": incident.resolved_ms,
        "resolution": incident.resolution,
        "entities": list(incident.entities),
        "cause": belief(incident.hypotheses[0]) if incident.hypotheses else None,
        "finding_count": len(incident.findings),
        "plan_count": len(incident.plans),
    }


def incident_summary(incident: Incident) -> wire.IncidentSummary:
    """A row of a list."""
    return wire.IncidentSummary(**_summary_values(incident))


def incident_detail(
    incident: Incident,
    findings: Sequence[wire.FindingDetail],
    plans: Sequence[wire.PlanDetail],
    feedback: Sequence[wire.FeedbackLine],
) -> wire.IncidentDetail:
    """All that is known of one incident."""
    return wire.IncidentDetail(
        **_summary_values(incident) | {"plan_count": len(plans)},
        hypotheses=[hypothesis_detail(one) for one in incident.hypotheses],
        findings=list(findings),
        plans=list(plans),
        feedback=list(feedback),
        notes=list(incident.notes),
    )


def diagnosis(incident: Incident) -> wire.Diagnosis:
    """What may be behind an incident."""
    return wire.Diagnosis(
        incident=incident.id,
        title=incident.title,
        state=incident.state,
        updated_ms=incident.updated_ms,
        hypotheses=[hypothesis_detail(one) for one in incident.hypotheses],
    )


def finding_detail(finding: Finding, incident: Id | None, *, active: bool) -> wire.FindingDetail:
    """One finding; `active` is what the store knows, which may be more than the finding said of itself."""
    return wire.FindingDetail(
        key=finding.key,
        entity=finding.entity.ref,
        aspect=finding.aspect,
        direction=finding.direction,
        source=finding.source,
        severity=finding.severity,
        active=active,
        started_ms=finding.started_ms,
        seen_ms=finding.seen_ms,
        ended_ms=finding.ended_ms,
        reason=finding.reason,
        score=finding.score,
        value=finite(finding.value),
        expected=finite(finding.expected),
        signal=finding.signal,
        peer=finding.peer.ref if finding.peer else None,
        suggests=sorted(finding.suggests),
        incident=incident,
    )


def plan_detail(plan: Plan, verdict: Verdict | None) -> wire.PlanDetail:
    """One plan with its verdict."""
    remedy = plan.remedy
    judged = verdict and wire.VerdictDetail(
        kind=verdict.kind, time_ms=verdict.time_ms, reason=verdict.reason, harm=list(verdict.harm)
    )
    values: dict[str, Any] = {"risk": remedy.risk.name.lower(), "autonomy": plan.autonomy.name.lower()}
    return wire.PlanDetail(
        **values,
        id=plan.id,
        incident=plan.incident,
        state=plan.state,
        action=remedy.action,
        args=dict(remedy.args),
        target=remedy.target.ref,
        cause=plan.cause,
        reversible=remedy.reversible,
        summary=remedy.summary,
        undo=remedy.undo,
        confidence=plan.confidence,
        reason=plan.reason,
        outcome=plan.outcome,
        decided_ms=plan.decided_ms,
        applied_ms=plan.applied_ms,
        ended_ms=plan.ended_ms,
        verdict=judged,
    )


def consent(given: Sequence[str]) -> wire.Consent:
    """Who said yes to what two people have to want."""
    return wire.Consent(given=list(given), missing=max(0, 2 - len(given)))


def timeline_line(entry: JournalEntry) -> wire.TimelineLine:
    """One line of a timeline."""
    return wire.TimelineLine(
        seq=entry.seq,
        id=entry.id,
        time_ms=entry.time_ns // 1_000_000,
        actor=entry.actor,
        type=entry.type,
        cause=entry.cause,
        payload=dict(entry.payload),
    )


def lesson_detail(lesson: Lesson) -> wire.LessonDetail:
    """One lesson with its rate of success, by Laplace's rule of succession."""
    return wire.LessonDetail(
        action=lesson.action,
        situation=lesson.situation,
        helped=lesson.helped,
        failed=lesson.failed,
        rate=(lesson.helped + 1) / (lesson.helped + lesson.failed + 2),
        updated_ms=lesson.updated_ms,
    )


def change_view(change: Change) -> ChangeView:
    """One change."""
    return ChangeView(
        id=change.id,
        time_ms=change.time_ms,
        entity=change.entity.ref,
        kind=change.kind,
        summary=change.summary,
        actor=change.actor,
        details=dict(change.details),
    )
