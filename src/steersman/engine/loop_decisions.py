"""Comes to a decision about every open incident: ask what would help, do it, wait, or turn to a person.

Each refusal is said once, with its reason, and again only when the reason changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steersman.engine.decide import Option, choose, identity, options, worth_asking
from steersman.engine.decide_policy import Refusal, Target, autonomy, held_back, stopped
from steersman.engine.diagnose.signatures import BY_CAUSE
from steersman.engine.diagnose.words import because
from steersman.engine.loop_diagnosis import doubtful, inquire
from steersman.engine.loop_draft import Draft
from steersman.engine.loop_incidents import UNDER_WAY
from steersman.engine.loop_state import Act, Case
from steersman.model.findings import Aspect, FindingSource
from steersman.model.incidents import Hypothesis, IncidentState
from steersman.model.plans import Autonomy, Plan, PlanState
from steersman.model.rounds import Abstained, AskRemedies, Decided, IncidentChanged, Withdrawn

#: Answers to questions are there a round later; longer than two rounds nothing waits for them.
_EVIDENCE_MS = 2_000
#: Evidence of this weight carries a cause; lighter evidence may be that of a victim of several.
_CARRIES = 1.0
#: An answer about remedies is good for so long; then the arguments may have changed.
_ANSWER_AGE_MS = 10_000
#: Where nothing helps, that is not asked every few seconds.
_NOTHING = ("none:", "exhausted")
_NOTHING_AGE_MS = 60_000
#: So long an answer may take before it is asked for again.
_NO_ANSWER_MS = 5_000
_MOST_REFUSED = 3
_OPEN = frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED})
_WAITING = frozenset({PlanState.SUGGESTED, PlanState.AWAITING_APPROVAL})
_STATES = {
    Autonomy.ACT: PlanState.APPROVED,
    Autonomy.APPROVE: PlanState.AWAITING_APPROVAL,
    Autonomy.SUGGEST: PlanState.SUGGESTED,
}


def decide(draft: Draft, blind: str) -> None:
    """Go through the open incidents, the oldest first."""
    _answers(draft)
    for plan in list(draft.plans.values()):
        if plan.state in _WAITING:
            _reconsider(draft, plan)
    busy = {plan.incident for plan in draft.plans.values()}
    standing = stopped(draft.policy)
    if standing is None and blind:
        standing = Refusal("blind", blind)
    for case in list(draft.cases.values()):
        if case.incident.state in _OPEN and case.incident.id not in busy:
            _decide(draft, case, standing)


def _reconsider(draft: Draft, plan: Plan) -> None:
    """Take a suggestion back when by now something else is believed as surely as an act would need.

    It stays in hand until the outside says so: a person may have agreed to it meanwhile.
    """
    case = draft.cases.get(plan.incident)
    top = case.top if case is not None else None
    if case is None or top is None or top.key == plan.cause or _belief(case) < draft.policy.confidence:
        return
    if _is_settled(draft, case):
        draft.plans[plan.id] = replace(plan, state=PlanState.EXPIRED, ended_ms=draft.now_ms)
        draft.emit(Withdrawn(plan, f"by now {because(top)} is the likeliest cause"))


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
        return
    case = inquire(draft, case)
    if not _is_answered(draft, case):
        # It is asked while the picture settles, so that no time is lost.
        _ask(draft, case)
    elif _is_settled(draft, case):
        _act_on(draft, case)


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
    """Say why no cause is believed enough, or not any time soon."""
    top, age = case.top, draft.now_ms - case.incident.opened_ms
    if top is None:
        early = age < draft.limit_ms("settle_seconds")
        return _wait("early", "no cause is known yet") if early else _escalate("unknown", "no cause is known")
    belief = _belief(case)
    if belief >= draft.policy.confidence:
        return None
    text = f"{because(top)} is the likeliest cause, but believed only {belief:.0%}"
    patient = age < draft.limit_ms("patience_seconds")
    return _wait(f"uncertain:{top.key}", text) if patient else _escalate(f"doubt:{top.key}", text)


def _belief(case: Case) -> float:
    """Return how much is believed that the trouble is where it seems: causes at one place often have one remedy."""
    top = case.top
    if top is None:
        return 0.0
    here = sum(one.score for one in case.incident.hypotheses if one.entity.ref == top.entity.ref)
    return min(1.0, here * _apart(case))


def _apart(case: Case) -> float:
    """Return what a belief at the top's place is to be multiplied by because other causes do not compete with it.

    Two faults at once share the belief in an incident; what rests on other findings altogether is another fault.
    """
    top = case.top
    if top is None:
        return 1.0
    rests = _rests_on(top)
    others = [one for one in case.incident.hypotheses if one.entity.ref != top.entity.ref]
    separate = sum(one.score for one in others if rests and _rests_on(one) and rests.isdisjoint(_rests_on(one)))
    return 1.0 / max(0.1, 1.0 - separate)


def _rests_on(hypothesis: Hypothesis) -> frozenset[str]:
    """Return the findings without which a cause would not be believed."""
    return frozenset(item.reference for item in hypothesis.evidence if item.weight >= _CARRIES and item.reference)


def _is_settled(draft: Draft, case: Case) -> bool:
    """Whether the likeliest cause has been that for as long as its kind demands, and no evidence is awaited."""
    top = case.top
    if top is None or (doubtful(case) and draft.now_ms - case.inquiry.asked_ms < _EVIDENCE_MS):
        return False
    seen = any(
        one.source is FindingSource.HEALTH and top.cause in one.suggests and one.active for one in draft.found(case)
    )
    needed = draft.limit_ms("settle_seen_seconds") if seen else round(BY_CAUSE[top.cause].settle_seconds * 1000)
    return draft.now_ms - case.settled_ms >= needed


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


def _is_answered(draft: Draft, case: Case) -> bool:
    """Whether remedies are known for what is believed now, and are fresh."""
    inquiry = case.inquiry
    good_for = _NOTHING_AGE_MS if case.withheld.startswith(_NOTHING) else _ANSWER_AGE_MS
    if inquiry.answered_ms is None or draft.now_ms - inquiry.answered_ms > good_for:
        return False
    return case.top is not None and case.top.key in inquiry.causes


def _ask(draft: Draft, case: Case) -> None:
    """Ask for remedies: once for what is believed, and again when no answer came or it is old."""
    inquiry, asked = case.inquiry, worth_asking(case.incident.hypotheses)
    known = case.top is not None and case.top.key in inquiry.causes
    if known and inquiry.answered_ms is None and draft.now_ms - inquiry.causes_ms <= _NO_ANSWER_MS:
        return
    if not asked:
        _withhold(draft, case, _escalate("nothing", "nothing of what is believed can be repaired"))
        return
    draft.emit(AskRemedies(case.incident.id, asked))
    inquiry = replace(
        inquiry, causes=tuple(one.key for one in asked), causes_ms=draft.now_ms, remedies=(), answered_ms=None
    )
    draft.keep(replace(case, inquiry=inquiry))


def _act_on(draft: Draft, case: Case) -> None:
    """Choose among the remedies that are known, and see whether the owner allows the choice now."""
    tried, apart = _tried(case), _apart(case)
    found = options(case.inquiry.remedies, case.incident.hypotheses, draft.lessons, draft.now_ms, tried)
    found = [replace(one, belief=min(1.0, one.belief * apart)) if _is_at_top(case, one) else one for one in found]
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


def _is_at_top(case: Case, option: Option) -> bool:
    return case.top is not None and option.hypothesis.entity.ref == case.top.entity.ref


def _tried(case: Case) -> frozenset[str]:
    """Return the acts that are not done again: those that did not help, and those whose cure did not last twice."""
    failed = [one.what for one in case.attempts if one.state is not PlanState.CURED]
    cured = [one.what for one in case.attempts if one.state is PlanState.CURED]
    return frozenset([*failed, *(what for what in cured if cured.count(what) > 1)])


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
