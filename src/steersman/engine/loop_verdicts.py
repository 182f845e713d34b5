"""Follows plans to their end: what became of them outside, whether they helped, and what that teaches."""

from __future__ import annotations

from dataclasses import replace

from steersman.engine.correlate import Depth, depth, place_of
from steersman.engine.decide import identity
from steersman.engine.loop_draft import Draft
from steersman.engine.loop_lessons import remember
from steersman.engine.loop_state import Act, Attempt, Case
from steersman.engine.verify import Watch, judge
from steersman.model.findings import Aspect
from steersman.model.plans import Autonomy, Plan, PlanState, Verdict, VerdictKind
from steersman.model.rounds import Judged, Progress

_VERDICTS = {
    VerdictKind.CURED: PlanState.CURED,
    VerdictKind.UNCHANGED: PlanState.UNCHANGED,
    VerdictKind.WORSE: PlanState.WORSE,
}
#: What was judged and is being taken back; the next act waits for it.
_TAKEN_BACK = frozenset({PlanState.UNCHANGED, PlanState.WORSE})
_OVER = _TAKEN_BACK | {PlanState.EXPIRED}
_UNDO_MS = 60_000
#: What was begun and is not heard of for so long is not waited for; it is not begun again either.
_STARTED = frozenset({PlanState.APPROVED, PlanState.APPLYING})
_NO_WORD_MS = 300_000
#: What a leak or a full disk shows is nobody's collateral damage.
_CAUSED_ELSEWHERE = frozenset({Aspect.MEMORY, Aspect.DESCRIPTORS, Aspect.LOCK, Aspect.CACHE, Aspect.NETWORK})


def follow(draft: Draft) -> None:
    """Take in what became of plans outside of the loop."""
    for progress in draft.round.progress:
        plan = draft.plans.get(progress.plan)
        if plan is not None:
            _follow(draft, plan, progress)


def _follow(draft: Draft, plan: Plan, progress: Progress) -> None:
    state = PlanState(progress.state)
    if plan.state in _TAKEN_BACK:
        # It was judged already: whether it could be taken back changes no verdict.
        if state in {PlanState.UNDONE, PlanState.FAILED, PlanState.NOTHING_TO_DO}:
            del draft.plans[plan.id]
    elif plan.state is PlanState.EXPIRED and state is PlanState.EXPIRED:
        # It was withdrawn, and nobody said no to it: it may be suggested again.
        del draft.plans[plan.id]
    elif state is PlanState.VERIFYING:
        draft.plans[plan.id] = replace(plan, state=state, applied_ms=progress.time_ms, outcome=progress.outcome)
    elif state in {PlanState.APPROVED, PlanState.APPLYING}:
        if state is PlanState.APPROVED and plan.autonomy is not Autonomy.ACT:
            draft.acts = (*draft.acts, Act(draft.now_ms, plan.remedy.target.ref, plan.id))
        draft.plans[plan.id] = replace(plan, state=state)
    else:
        _ended(draft, plan, state, progress)


def _ended(draft: Draft, plan: Plan, state: PlanState, progress: Progress) -> None:
    """Note a plan that ended without an effect to be judged."""
    del draft.plans[plan.id]
    case = draft.cases.get(plan.incident)
    if case is None:
        return
    if state is PlanState.REFUSED:
        # A guard outside said no: that says nothing about the remedy, which may be tried again later.
        hold = draft.now_ms + round(draft.policy.cooldown_seconds * 1000)
        draft.keep(replace(case, refused=case.refused + 1, hold_until_ms=hold))
        return
    if state is PlanState.FAILED:
        remember(draft, plan.remedy.action, plan.situation, helped=False)
    draft.keep(_attempted(case, plan, state, draft.now_ms, acted=state is PlanState.FAILED))


def _attempted(case: Case, plan: Plan, state: PlanState, now_ms: int, *, acted: bool, undone: bool = False) -> Case:
    attempt = Attempt(
        plan=plan.id,
        what=identity(plan.remedy),
        action=plan.remedy.action,
        situation=plan.situation,
        summary=plan.remedy.summary,
        cause=plan.cause,
        state=state,
        acted=acted,
        ended_ms=now_ms,
        applied_ms=plan.applied_ms,
        undone=undone,
    )
    return replace(case, attempts=(*case.attempts, attempt))


def verify(draft: Draft, blind: str) -> None:
    """Judge the plans whose effect is there. A blind loop judges nothing: what it does not see is not well."""
    for plan in list(draft.plans.values()):
        if plan.state is PlanState.VERIFYING and not blind:
            _verify(draft, plan)
        elif plan.state in _OVER and draft.now_ms - (plan.ended_ms or 0) > _UNDO_MS:
            del draft.plans[plan.id]
        elif plan.state in _STARTED and draft.now_ms - plan.decided_ms > _NO_WORD_MS:
            lost = Progress(plan=plan.id, state="expired", time_ms=draft.now_ms, outcome="nothing was heard of it")
            _ended(draft, plan, PlanState.EXPIRED, lost)


def _verify(draft: Draft, plan: Plan) -> None:
    case = draft.cases.get(plan.incident)
    if case is None:  # a person resolved it meanwhile
        del draft.plans[plan.id]
        return
    verdict = judge(
        _watch(draft, case, plan),
        draft.now_ms,
        calm_ms=draft.limit_ms("cured_seconds"),
        slack_ms=draft.limit_ms("slack_seconds"),
    )
    if verdict is not None:
        _judged(draft, case, plan, verdict)


def _watch(draft: Draft, case: Case, plan: Plan) -> Watch:
    own = [finding for finding in draft.found(case) if finding.severity != "info"]
    keys = {finding.key for finding in own}
    others = [one for one in draft.findings.values() if one.active and one.severity != "info" and one.key not in keys]
    suspect = plan.cause.partition("@")[2] or plan.remedy.target.ref
    return Watch(
        plan, draft.wiring.fold(suspect), own, others, _elsewhere(draft, case, plan), draft.wiring, draft.begun
    )


def _elsewhere(draft: Draft, case: Case, plan: Plan) -> frozenset[str]:
    """Return the places that other incidents explain: older than the action, or what it cannot bring about."""
    applied = plan.applied_ms or draft.now_ms
    return frozenset(
        place_of(finding, draft.wiring)
        for other in draft.cases.values()
        if other.incident.id != case.incident.id
        for finding in draft.active(other)
        if finding.started_ms <= applied or depth(finding) is Depth.PLAIN or finding.aspect in _CAUSED_ELSEWHERE
    )


def _judged(draft: Draft, case: Case, plan: Plan, verdict: Verdict) -> None:
    cured = verdict.kind is VerdictKind.CURED
    undo = verdict.kind is VerdictKind.WORSE or (not cured and plan.remedy.reversible)
    state = _VERDICTS[verdict.kind]
    done = replace(plan, state=state, ended_ms=draft.now_ms, outcome=verdict.reason)
    if undo:
        draft.plans[plan.id] = done
    else:
        del draft.plans[plan.id]
    draft.emit(Judged(done, verdict, undo))
    remember(draft, plan.remedy.action, plan.situation, helped=cured)
    case = _attempted(case, plan, state, draft.now_ms, acted=True, undone=undo)
    # What is asked for next is asked anew: the world is another one now.
    draft.keep(replace(case, inquiry=replace(case.inquiry, causes=(), remedies=(), answered_ms=None)))
    draft.stale.setdefault(case.incident.id)
