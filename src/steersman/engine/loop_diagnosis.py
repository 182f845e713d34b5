"""Keeps the ranking of every incident up to date, and asks for evidence where two causes are believed alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steersman.engine.diagnose.rank import rank
from steersman.engine.diagnose.scene import HOSTS, ends, scene
from steersman.engine.diagnose.signatures import BY_CAUSE
from steersman.engine.diagnose.trends import as_usual, observed, questions
from steersman.engine.diagnose.words import because, title
from steersman.engine.loop_draft import Draft
from steersman.engine.loop_state import Case
from steersman.model.changes import Change, ChangeKind
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction, Finding
from steersman.model.incidents import Hypothesis, IncidentState
from steersman.model.plans import PlanState
from steersman.model.rounds import Ask

_AFTERMATH_MS = 3_000
_IN_TEST = frozenset({PlanState.APPLYING, PlanState.VERIFYING})
_BLAMED = frozenset({ChangeKind.DEPLOY, ChangeKind.CONFIG, ChangeKind.KNOB})
#: Clocks of those who report changes and findings may differ by so much.
_SKEW_MS = 5_000
#: What ended longer ago, or before the last cure, is no evidence of what is wrong now.
_FADED_MS = 10_000
#: So long after an act a change of its target is taken for its trace.
_TRACE_MS = 60_000
#: So long what an act had covered is believed to come back once the act is taken back.
_COVERED_MS = 30_000
_CLOSE = 0.3
_SURE = 0.75
_MOST_ROUNDS = 2
#: A belief has to move so far before it is told again.
_MOVED = 0.1
_TREND_AGE_MS = 60_000


def diagnose(draft: Draft) -> None:
    """Rank the causes of every incident whose picture changed."""
    _answers(draft)
    faded = range(_AFTERMATH_MS, _AFTERMATH_MS + max(draft.gap_ms, 1))
    for cured in draft.cases.values():
        if _since_cure(cured, draft.now_ms) in faded:
            draft.stale.setdefault(cured.incident.id)
    for id_ in list(draft.stale):
        case = draft.cases.get(id_)
        if case is None or case.incident.state is IncidentState.MITIGATED or not draft.active(case):
            continue
        if not _is_in_test(draft, case):
            _diagnose(draft, case)


def _is_in_test(draft: Draft, case: Case) -> bool:
    """Whether the diagnosis is being acted upon: what is seen in the wake of an act explains the act, not the fault.

    After a cure the last symptoms get a moment to fade.
    """
    if _since_cure(case, draft.now_ms) in range(_AFTERMATH_MS):
        return True
    return any(plan.incident == case.incident.id and plan.state in _IN_TEST for plan in draft.plans.values())


def _since_cure(case: Case, now_ms: int) -> int:
    """Return how long ago the last act of an incident was found to be a cure, or -1 where it was not."""
    cured_ms = _cured_ms(case)
    return now_ms - cured_ms if cured_ms else -1


def _cured_ms(case: Case) -> int:
    """When the last act was found to be a cure, or 0 where it was not; what had ended by then is explained by it."""
    last = case.attempts[-1] if case.attempts else None
    return last.ended_ms if last is not None and last.state is PlanState.CURED else 0


def _answers(draft: Draft) -> None:
    """Give trends to those who asked: every open incident that touches their entity."""
    for trend in draft.round.trends:
        ref = draft.wiring.fold(trend.entity.ref)
        for case in list(draft.cases.values()):
            if case.inquiry.asked_ms and (ref in case.incident.entities or _suspects(case, ref)):
                kept = [one for one in case.inquiry.trends if (one.entity, one.signal) != (trend.entity, trend.signal)]
                draft.keep(replace(case, inquiry=replace(case.inquiry, trends=(*kept, trend))))
                draft.stale.setdefault(case.incident.id)


def _suspects(case: Case, ref: str) -> bool:
    return any(one.entity.ref == ref for one in case.incident.hypotheses)


def _diagnose(draft: Draft, case: Case) -> None:
    since_ms = max(draft.now_ms - _FADED_MS, _cured_ms(case))
    found = [_unveiled(draft, case, one) for one in draft.found(case)]
    found = [one for one in found if one.active or (one.ended_ms or 0) > since_ms]
    found = _blamable(draft, case, found)
    fresh_trends = case.inquiry.trends if draft.now_ms - case.inquiry.asked_ms < _TREND_AGE_MS else ()
    found += _blamable(draft, case, _nearby(draft, case))
    shown = {(one.entity.ref, one.aspect) for one in found}
    extra = [one for one in observed(fresh_trends, draft.now_ms) if (one.entity.ref, one.aspect) not in shown]
    suspected = _changes(draft, case)
    view = scene(draft.wiring, (*found, *extra), suspected, draft.watched, draft.begun)
    ranked = rank(view, as_usual(fresh_trends), case.denied)
    _told(draft, case, ranked, found, suspected)


def _unveiled(draft: Draft, case: Case, finding: Finding) -> Finding:
    """Return a finding as it was before an act that did not help had covered it.

    A larger pool is not full for a while, and yet what filled the smaller one goes on. When the act is taken back, the
    sign that the cause was known by is as good as there again, and the next remedy against it is not forgotten.
    """
    last = case.attempts[-1] if case.attempts else None
    if last is None or not last.undone or last.applied_ms is None or finding.ended_ms is None:
        return finding
    cause, _, suspect = last.cause.partition("@")
    known_by = finding.aspect in BY_CAUSE[CauseKind(cause)].keys
    covered = last.applied_ms <= finding.ended_ms <= last.ended_ms and finding.started_ms < last.applied_ms
    if not (known_by and covered and draft.wiring.fold(finding.entity.ref) == suspect):
        return finding
    if draft.now_ms - last.ended_ms > _COVERED_MS:
        return finding
    return replace(finding, ended_ms=None, reason=f"{finding.reason} (until it was covered by: {last.summary})")


def _nearby(draft: Draft, case: Case) -> list[Finding]:
    """Return information about what is in the incident or directly needed by it, as far as it has not joined.

    How busy those are who call it counts as well, as a surge comes from far above; and who takes the processor of a
    machine that it runs on.
    """
    if not draft.notes:
        return []
    known = dict.fromkeys(case.incident.findings)
    around = dict.fromkeys(case.incident.entities)
    for ref in case.incident.entities:
        around.update(dict.fromkeys(draft.wiring.needs(ref)))
    callers = dict.fromkeys(
        far for ref in case.incident.entities for far in draft.wiring.above(ref) if far not in around
    )
    guests = dict.fromkeys(
        guest
        for machine in around
        if draft.wiring.entity(machine).kind in HOSTS
        for guest in draft.wiring.needed_by(machine)
        if guest not in around
    )
    near = [one for ref in around for one in draft.notes.get(ref, ())]
    busy = [one for ref in callers for one in draft.notes.get(ref, ()) if one.aspect is Aspect.TRAFFIC]
    greedy = [one for ref in guests for one in draft.notes.get(ref, ()) if one.aspect is Aspect.CPU]
    return [one for one in (*near, *busy, *greedy) if one.key not in known]


def _changes(draft: Draft, case: Case) -> tuple[Change, ...]:
    """Return what was changed shortly before at what is in the incident, or at what that needs."""
    if not draft.changes:
        return ()
    near = dict.fromkeys(case.incident.entities)
    for ref in case.incident.entities:
        near.update(dict.fromkeys(draft.wiring.below(ref)))
    return tuple(
        change
        for change in draft.changes
        if change.kind in _BLAMED
        and draft.wiring.fold(change.entity.ref) in near
        and _may_be_blamed(draft, case, change.entity.ref, change.time_ms)
    )


def _blamable(draft: Draft, case: Case, found: Sequence[Finding]) -> list[Finding]:
    """Leave out new versions, as telemetry tells of them, that cannot be the reason."""
    return [
        one
        for one in found
        if one.aspect is not Aspect.CONFIGURATION
        or one.direction is not Direction.NEW
        or _may_be_blamed(draft, case, one.entity.ref, one.started_ms)
    ]


def _may_be_blamed(draft: Draft, case: Case, at: str, time_ms: int) -> bool:
    """Whether a change came shortly before trouble at its entity, and is not the trace of an act of the loop.

    A roll-back is not suspect because it followed a deploy.
    """
    ref = draft.wiring.fold(at)
    active = draft.active(case)
    own = [one.started_ms for one in active if ref in ends(one, draft.wiring)]
    began = min(own or (one.started_ms for one in active), default=draft.now_ms)
    if not began - draft.limit_ms("change_seconds") <= time_ms <= began + _SKEW_MS:
        return False
    acts = (act.time_ms for act in draft.acts if draft.wiring.fold(act.target) == ref)
    return not any(acted <= time_ms <= acted + _TRACE_MS for acted in acts)


def _told(
    draft: Draft, case: Case, ranked: tuple[Hypothesis, ...], found: Sequence[Finding], changes: tuple[Change, ...]
) -> None:
    before, after = case.top, ranked[0] if ranked else None
    settled = case.settled_ms if _key(before) == _key(after) else draft.now_ms
    case = replace(case, settled_ms=settled)
    name = title([one for one in found if one.severity != "info"], after, changes)
    incident = case.incident
    if _key(before) == _key(after) and not _moved(incident.hypotheses, ranked) and name == incident.title:
        draft.keep(case)
    else:
        why = "no cause is known" if after is None else f"likeliest cause, {after.score:.0%}: {because(after)}"
        draft.tell(case, why, hypotheses=ranked, title=name)


def _key(hypothesis: Hypothesis | None) -> str:
    return "" if hypothesis is None else hypothesis.key


def _moved(before: Sequence[Hypothesis], after: Sequence[Hypothesis]) -> bool:
    beliefs = {one.key: one.score for one in before}
    return len(before) != len(after) or any(abs(beliefs.get(one.key, 0.0) - one.score) >= _MOVED for one in after)


def inquire(draft: Draft, case: Case) -> Case:
    """Ask for evidence if the likeliest causes are believed about alike and a trend would tell them apart."""
    close = doubtful(case)
    if len(close) < 2 or case.inquiry.rounds >= _MOST_ROUNDS or case.inquiry.asked_ms == draft.now_ms:
        return case
    known = {(trend.entity.ref, trend.aspect) for trend in case.inquiry.trends}
    asked = questions(case.incident.id, close, draft.found(case))
    asked = tuple(one for one in asked if (one.entity.ref, one.aspect) not in known)
    if not asked:
        return case
    draft.emit(Ask(case.incident.id, asked))
    inquiry = replace(case.inquiry, rounds=case.inquiry.rounds + 1, asked_ms=draft.now_ms)
    case = replace(case, inquiry=inquiry)
    draft.keep(case)
    return case


def doubtful(case: Case) -> tuple[Hypothesis, ...]:
    """Return the causes that are believed about as much as the likeliest, or nothing when that one is clear."""
    top = case.top
    if top is None or top.score >= _SURE:
        return ()
    return tuple(one for one in case.incident.hypotheses[:3] if one.score >= top.score - _CLOSE)
