"""The lines of an incident's timeline: what the journal says about each of the loop's commands, as JSON data.

A line is short. What is long, such as the evidence of a hypothesis, stays with the incident itself.
"""

from __future__ import annotations

from typing import Any

from steersman.model.findings import Finding
from steersman.model.incidents import Hypothesis
from steersman.model.plans import Lesson, Plan
from steersman.model.rounds import Abstained, IncidentChanged, Judged

FINDING = "ops.finding"
INCIDENT = "ops.incident"
PLAN = "ops.plan"
#: A step of a plan in hand; the subject is the plan.
EXECUTION = "ops.execution"
ABSTAINED = "ops.abstained"
VERDICT = "ops.verdict"
LESSON = "ops.lesson"
FEEDBACK = "ops.feedback"
POLICY = "ops.policy"
#: Lines of the house about what waits for a second person; the subject is the operation.
APPROVAL_ASKED, APPROVAL_AGREED, APPROVAL_USED = "approval.asked", "approval.agreed", "approval.used"
APPROVALS = frozenset(
    {APPROVAL_ASKED, APPROVAL_AGREED, APPROVAL_USED, "approval.rejected", "approval.withdrawn", "approval.expired"}
)

#: Beliefs below the first few say nothing to a reader of the timeline.
_HYPOTHESES = 3


def finding_line(finding: Finding) -> dict[str, Any]:
    """What is unusual, since when, and compared with what."""
    return {
        "key": finding.key,
        "entity": finding.entity.ref,
        "aspect": str(finding.aspect),
        "direction": str(finding.direction),
        "severity": finding.severity,
        "source": str(finding.source),
        "reason": finding.reason,
        "signal": finding.signal,
        "value": finite(finding.value),
        "expected": finite(finding.expected),
        "started_ms": finding.started_ms,
        "ended_ms": finding.ended_ms,
    }


def finite(number: float | None) -> float | None:
    """Return the number, or nothing where JSON has no word for it."""
    return number if number is not None and abs(number) < float("inf") else None


def incident_line(change: IncidentChanged) -> dict[str, Any]:
    """Why it changed and where it stands."""
    incident = change.incident
    return {
        "why": change.why,
        "state": str(incident.state),
        "severity": incident.severity,
        "title": incident.title,
        "entities": list(incident.entities),
        "findings": len(incident.findings),
        "hypotheses": [_belief(one) for one in incident.hypotheses[:_HYPOTHESES]],
    }


def _belief(hypothesis: Hypothesis) -> dict[str, Any]:
    return {"cause": str(hypothesis.cause), "entity": hypothesis.entity.ref, "score": round(hypothesis.score, 4)}


def plan_line(plan: Plan) -> dict[str, Any]:
    """What is to be done, to what, why, and how far it may go without a person."""
    return {
        "plan": plan.id,
        "action": plan.remedy.action,
        "target": plan.remedy.target.ref,
        "cause": plan.cause,
        "risk": plan.remedy.risk.name.lower(),
        "autonomy": plan.autonomy.name.lower(),
        "confidence": round(plan.confidence, 4),
        "state": str(plan.state),
        "summary": plan.remedy.summary,
        "undo": plan.remedy.undo,
        "reason": plan.reason,
    }


def abstained_line(abstained: Abstained) -> dict[str, Any]:
    """Why nothing is done now."""
    return {"kind": abstained.kind, "reason": abstained.reason, "until_ms": abstained.until_ms}


def verdict_line(judged: Judged) -> dict[str, Any]:
    """Whether it helped, whom it harmed, and whether it is taken back."""
    verdict = judged.verdict
    return {
        "plan": verdict.plan,
        "action": judged.plan.remedy.action,
        "kind": str(verdict.kind),
        "reason": verdict.reason,
        "harm": list(verdict.harm),
        "undo": judged.undo,
    }


def lesson_line(lesson: Lesson) -> dict[str, Any]:
    """How often an action has helped in a situation by now."""
    return {
        "action": lesson.action,
        "situation": lesson.situation,
        "helped": round(lesson.helped, 4),
        "failed": round(lesson.failed, 4),
    }
