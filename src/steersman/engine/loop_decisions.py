"""Comes to a decision about every open incident: ask what would help, do it, wait, or turn to a person.

Each refusal is said once, with its reason, and again only when the reason changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steersman.engine.decide import Option, choose, identity, options, worth_asking
from steersman.engine.decide_policy import Refusal, Target, autonomy, held_back, stopped
from steersman.engine.diagnose.words import because
from steersman.engine.loop_diagnosis import doubtful, inquire
from steersman.engine.loop_draft import Draft
from steersman.engine.loop_incidents import UNDER_WAY
from steersman.engine.loop_state import Act, Case
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect
from steersman.model.incidents import Hypothesis, IncidentState
from steersman.model.plans import Autonomy, Plan, PlanState
from steersman.model.rounds import Abstained, AskRemedies, Decided, IncidentChanged

#: What does not answer at all is not going to show more by being watched.
_PLAIN = frozenset({CauseKind.CRASH, CauseKind.CRASH_LOOP, CauseKind.HANG})
#: An answer about remedies is good for so long; then the arguments may have changed.
_ANSWER_AGE_MS = 10_000
#: So long an answer may take before it is asked for again.
_NO_ANSWER_MS = 5_000
_MOST_REFUSED = 3
_OPEN = frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED})
_STATES = {
    Autonomy.ACT: PlanState.APPROVED,
    Autonomy.APPROVE: PlanState.AWAITING_APPROVAL,
    Autonomy.SUGGEST: PlanState.SUGGESTED,
}


def decide(draft: Draft, blind: str) -> None:
    """Go through the open incidents, the oldest first."""
    _answers(draft)
    busy = {plan.incident for plan in draft.plans.values()}
    standing = stopped(draft.policy)
    if standing is None and blind:
        standing = Refusal("blind", blind)
    for case in list(draft.cases.values()):
        if case.incident.state in _OPEN and case.incident.id not in busy:
            _decide(draft, case, standing)


def _answers(draft: Draft) -> None:
    for answer in draft.round.remedies:
        case = draft.cases.get(answer.incident)
        if case is not None:
            inquiry = replace(case.inquiry, remedies=answer.remedies, answered_ms=draft.now_ms)
            draft.keep(replace(case, inquiry=inquiry))


def _decide(draft: Draft, case: Case, standing: Refusal | None) -> None:
    if standing is not None:
        _withhold(draft, case, standing)
        return
    if case.hold_until_ms > draft.now_ms or (case.withheld and draft.now_ms < case.withheld_until_ms):
        return
    refusal = _hopeless(draft, case) or _uncertain(draft, case)
    if refusal is not None:
        if refusal.code.startswith("uncertain"):
            case = inquire(draft, case)
        _withhold(draft, case, refusal)
    elif _is_answered(draft, case):
        _act_on(draft, case)
    elif _may_ask(draft, case):
        _ask(draft, case)


def _hopeless(draft: Draft, case: Case) -> Refusal | None:
    """Say why nothing that the loop could do would help."""
    acts = case.acts
    if acts >= draft.limit("most_acts"):
        return Refusal("acts", f"{acts} actions did not help: a person has to look", "escalate")
    if case.refused >= _MOST_REFUSED:
        return Refusal("refused", f"the executor refused {case.refused} times", "escalate")
    active = draft.active(case)
    if active and all(finding.aspect is Aspect.TRAFFIC for finding in active):
        return Refusal("traffic", "more or less is asked for than usual, and nothing is wrong")
    return None


def _uncertain(draft: Draft, case: Case) -> Refusal | None:
    """Say why the picture is not clear enough yet, or will not be."""
    top, waited = case.top, draft.now_ms - case.settled_ms
    patient = draft.now_ms - case.incident.opened_ms < draft.limit_ms("patience_seconds")
    if top is None:
        unclear = waited < draft.limit_ms("settle_seconds")
        return _wait("unsettled", "it is too early to tell") if unclear else _escalate("unknown", "no cause is known")
    certain = _belief(case)
    if certain < draft.policy.confidence:
        text = f"{because(top)} is the likeliest cause, but believed only {certain:.0%}"
        code = f"uncertain:{top.key}"
        return _wait(code, text) if patient else _escalate(f"doubt:{top.key}", text)
    settle = "settle_down_seconds" if _is_plain(case) else "settle_seconds"
    if waited < draft.limit_ms(settle):
        return _wait(f"unsettled:{top.key}", f"{because(top)} has been the likeliest cause for a moment only")
    if doubtful(case) and case.inquiry.rounds and draft.now_ms - case.inquiry.asked_ms < 2000:
        return _wait(f"evidence:{top.key}", "the evidence that was asked for is not there yet")
    return None


def _belief(case: Case) -> float:
    """Return how much is believed that the trouble is where it seems: causes at one place often have one remedy."""
    top = case.top
    if top is None:
        return 0.0
    return sum(one.score for one in case.incident.hypotheses if one.entity.ref == top.entity.ref)


def _is_plain(case: Case) -> bool:
    return case.top is not None and case.top.cause in _PLAIN


def _wait(code: str, reason: str) -> Refusal:
    return Refusal(code, reason)


def _escalate(code: str, reason: str) -> Refusal:
    return Refusal(code, reason, "escalate")


def _withhold(draft: Draft, case: Case, refusal: Refusal) -> None:
    """Say that nothing is done, once for each reason."""
    if case.withheld == refusal.code:
        return
    until = refusal.until_ms
    draft.emit(Abstained(incident=case.incident.id, kind=refusal.kind, reason=refusal.reason, until_ms=until))
    draft.keep(replace(case, withheld=refusal.code, decided=True))


def _asked_about(case: Case) -> tuple[Hypothesis, ...]:
    return worth_asking(case.incident.hypotheses)


def _is_answered(draft: Draft, case: Case) -> bool:
    """Whether remedies are known for what is believed now, and are fresh."""
    inquiry = case.inquiry
    if inquiry.answered_ms is None or draft.now_ms - inquiry.answered_ms > _ANSWER_AGE_MS:
        return False
    return case.top is not None and case.top.key in inquiry.causes


def _may_ask(draft: Draft, case: Case) -> bool:
    """Whether to ask for remedies now: once for what is believed, and again when no answer came or it is old."""
    inquiry = case.inquiry
    if case.top is None or case.top.key not in inquiry.causes:
        return True
    since = inquiry.causes_ms if inquiry.answered_ms is None else inquiry.answered_ms
    return draft.now_ms - since > (_NO_ANSWER_MS if inquiry.answered_ms is None else _ANSWER_AGE_MS)


def _ask(draft: Draft, case: Case) -> None:
    asked = _asked_about(case)
    if not asked:
        _withhold(draft, case, _escalate("nothing", "nothing of what is believed can be repaired"))
        return
    draft.emit(AskRemedies(case.incident.id, asked))
    inquiry = replace(
        case.inquiry, causes=tuple(one.key for one in asked), causes_ms=draft.now_ms, remedies=(), answered_ms=None
    )
    draft.keep(replace(case, inquiry=inquiry))


def _act_on(draft: Draft, case: Case) -> None:
    """Choose among the remedies that are known, and see whether the owner allows the choice now."""
    tried = frozenset(attempt.what for attempt in case.attempts)
    found = options(case.inquiry.remedies, case.incident.hypotheses, draft.lessons, draft.now_ms, tried)
    found = [option for option in found if option.belief >= draft.policy.confidence]
    allowed = [(option, autonomy(draft.policy, option.remedy, _target(draft, option))) for option in found]
    option = choose([one for one, may in allowed if may is Autonomy.ACT]) or choose(found)
    if option is None:
        _withhold(draft, case, _nothing_left(case, bool(tried)))
        return
    may = next(may for one, may in allowed if one is option)
    if may is Autonomy.OBSERVE:
        text = f"{option.remedy.summary} could help, but the policy only observes here"
        _withhold(draft, case, _escalate(f"observe:{identity(option.remedy)}", text))
        return
    target = _target(draft, option)
    busy = [plan.remedy.target.ref for plan in draft.plans.values() if plan.state in UNDER_WAY]
    refusal = held_back(draft.policy, target, draft.now_ms, draft.acts, busy) if may is Autonomy.ACT else None
    if refusal is not None:
        _withhold(draft, case, refusal)
    else:
        _plan(draft, case, option, may)


def _nothing_left(case: Case, has_tried: bool) -> Refusal:  # noqa: FBT001 - it is told apart by the text alone
    top = case.top
    cause = because(top) if top is not None else "this"
    if has_tried:
        return _escalate("exhausted", f"nothing else is known that helps against {cause}: a person has to look")
    return _escalate(f"none:{top.key if top else ''}", f"no action is known that helps against {cause}")


def _target(draft: Draft, option: Option) -> Target:
    entity, wiring = option.remedy.target, draft.wiring
    return Target(entity.ref, wiring.label(entity, "environment"), wiring.label(entity, "self_healing") == "true")


def _plan(draft: Draft, case: Case, option: Option, may: Autonomy) -> None:
    remedy = option.remedy
    plan = Plan(
        id=draft.new_id(),
        incident=case.incident.id,
        remedy=remedy,
        cause=option.hypothesis.key,
        confidence=round(option.belief, 4),
        autonomy=may,
        decided_ms=draft.now_ms,
        reason=_reason(case, option),
        state=_STATES[may],
        tenant=case.incident.tenant,
    )
    draft.plans[plan.id] = plan
    if may is Autonomy.ACT:
        draft.acts = (*draft.acts, Act(draft.now_ms, remedy.target.ref, plan.id))
    draft.emit(Decided(plan))
    incident = replace(case.incident, plans=(*case.incident.plans, plan.id), updated_ms=draft.now_ms)
    draft.keep(replace(case, incident=incident, withheld="", decided=True))
    draft.emit(IncidentChanged(incident, f"decided: {remedy.summary}"))


def _reason(case: Case, option: Option) -> str:
    shown: Sequence[str] = [item.text for item in option.hypothesis.evidence if item.weight > 0][:2]
    after = f", after {len(case.attempts)} that did not help" if case.attempts else ""
    return (
        f"{because(option.hypothesis)} is believed {option.belief:.0%} ({'; '.join(shown)}); "
        f"this helps in {option.gain:.0%} of such cases{after}"
    )
