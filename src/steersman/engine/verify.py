"""Whether an action helped: the incident's own signals and the neighbours', watched until they say so or time is up.

It waits no longer than it must. Signals that stay well for a few seconds are a cure; trouble that is new after the
action, at the target or next to it, and lasts, is harm; and when the remedy's own time has passed, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from steersman.engine.correlate import Depth, depth
from steersman.engine.diagnose.signatures import SIGNATURES
from steersman.engine.loop_wiring import Wiring
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Finding, FindingSource
from steersman.model.plans import Plan, Risk, Verdict, VerdictKind

#: A restart is felt by those who call it: that long it is not yet harm.
_GRACE_MS = 10_000
_GRACE_AFTER_DISRUPTION_MS = 20_000
#: What an action on a neighbour can bring about; a leak or an expired certificate it cannot.
_HARM = frozenset({Aspect.AVAILABILITY, Aspect.ERRORS, Aspect.LATENCY, Aspect.CPU, Aspect.POOL, Aspect.QUEUE})
#: What is suffered: by those who call, and by those who wait.
_SUFFERED = frozenset({Aspect.AVAILABILITY, Aspect.ERRORS, Aspect.LATENCY})
#: Who judges by what was usual; the others judge by what somebody declared.
_GUESSES = frozenset({FindingSource.DETECTOR, FindingSource.LOG, FindingSource.SPAN, FindingSource.FORECAST})
_SPREADS = frozenset({Aspect.CPU, Aspect.CACHE})
#: Aspects in which an action shows itself: its target is started anew, is busier, or is called more again.
_ITS_OWN_TRACE = frozenset(
    {Aspect.RESTARTS, Aspect.TRAFFIC, Aspect.CONFIGURATION, Aspect.LOG_PATTERN, Aspect.LOG_VOLUME}
)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is looked at after an action.

    `own` are the serious findings of the incident, ended or not; `others` every other serious finding that is active;
    `suspect` is where the cause was believed to be; `elsewhere` says which places another open incident explains;
    `begun` is when each finding began, every time.
    """

    plan: Plan
    suspect: str
    own: Sequence[Finding]
    others: Sequence[Finding]
    elsewhere: frozenset[str]
    wiring: Wiring
    begun: Mapping[str, tuple[int, ...]]


def judge(watch: Watch, now_ms: int, *, calm_ms: int, slack_ms: int) -> Verdict | None:
    """Return the verdict, or None while it is too early for one."""
    plan, applied = watch.plan, watch.plan.applied_ms
    if applied is None:
        return None
    harm = harmed(watch, now_ms)
    if harm:
        text = f"{'; '.join(f'{one.entity.id}: {one.reason}' for one in harm)}"
        refs = tuple(dict.fromkeys(one.entity.ref for one in harm))
        return _verdict(plan, VerdictKind.WORSE, now_ms, f"trouble that was not there before: {text}", refs)
    relevant = [one for one in watch.own if _says_something(one, watch, applied)]
    pending = [one for one in relevant if one.active and not _is_overruled(one, watch, applied)]
    awaited = [one for one in pending if one.signal in plan.remedy.expects] if plan.remedy.expects else pending
    at_suspect = [one for one in pending if _at(one, watch.wiring) == watch.suspect]
    if not pending or (plan.remedy.expects and not awaited and not at_suspect):
        well_since = max([applied, *(one.ended_ms or 0 for one in relevant)])
        if now_ms - well_since >= calm_ms:
            return _verdict(plan, VerdictKind.CURED, now_ms, f"all is well for {(now_ms - well_since) / 1000:.0f} s")
        return None
    back = next((one for one in at_suspect if _is_back(one, watch, applied)), None)
    if back is not None:
        return _verdict(plan, VerdictKind.UNCHANGED, now_ms, f"it ended and came back: {back.entity.id}: {back.reason}")
    if now_ms < applied + round(plan.remedy.within_seconds * 1000) + slack_ms:
        return None
    return _when_time_is_up(watch, relevant, pending, now_ms)


def _when_time_is_up(watch: Watch, relevant: Sequence[Finding], pending: Sequence[Finding], now_ms: int) -> Verdict:
    """Judge an act after which not everything is well although it had the time that it asked for."""
    plan, applied = watch.plan, watch.plan.applied_ms or now_ms
    places = [[_at(one, watch.wiring) for one in some] for some in (relevant, pending)]
    if watch.suspect in places[0] and watch.suspect not in places[1]:
        return _verdict(plan, VerdictKind.CURED, now_ms, f"what {watch.suspect} showed is over; other findings remain")
    text = "; ".join(f"{one.entity.id}: {one.reason}" for one in pending[:3])
    if _is_eased(relevant, pending, applied):
        return _verdict(plan, VerdictKind.CURED, now_ms, f"nobody suffers any more, though it is still there: {text}")
    return _verdict(plan, VerdictKind.UNCHANGED, now_ms, f"after {(now_ms - applied) / 1000:.0f} s still {text}")


def _is_back(finding: Finding, watch: Watch, applied_ms: int) -> bool:
    """Whether what the cause is known by went away with the act and began anew: it only bought time."""
    before = any(began <= applied_ms for began in watch.begun.get(finding.key, ()))
    cause = watch.plan.cause.partition("@")[0]
    known_by = any(one.cause == cause and finding.aspect in one.keys for one in SIGNATURES)
    return known_by and before and finding.started_ms > applied_ms and depth(finding) is not Depth.SYMPTOM


def _is_eased(relevant: Sequence[Finding], pending: Sequence[Finding], applied_ms: int) -> bool:
    """Whether all suffering ended after the act: to take that back would bring it again, whatever else remains."""
    if any(one.aspect in _HARM for one in pending):
        return False
    suffered = [one for one in relevant if one.aspect in _SUFFERED and one.started_ms <= applied_ms]
    return bool(suffered) and all((one.ended_ms or 0) > applied_ms for one in suffered)


def harmed(watch: Watch, now_ms: int) -> list[Finding]:
    """Return what became critical after the action, at the target or next to it, where nothing was wrong before."""
    applied = watch.plan.applied_ms or now_ms
    grace = _GRACE_AFTER_DISRUPTION_MS if watch.plan.remedy.risk >= Risk.DISRUPTIVE else _GRACE_MS
    target = watch.wiring.fold(watch.plan.remedy.target.ref)
    near = {target, *watch.wiring.needs(target), *watch.wiring.needed_by(target)}
    excused = _excused(watch, applied)
    return [
        one
        for one in (*watch.own, *watch.others)
        if _is_new_trouble(one, applied, now_ms - grace)
        and (at := _at(one, watch.wiring)) in near
        and (at not in excused or (at == target and _went_down(one, watch.own, applied)))
        and not _is_explained_elsewhere(one, watch)
    ]


def _is_new_trouble(finding: Finding, applied_ms: int, until_ms: int) -> bool:
    return (
        finding.active
        and finding.severity == "critical"
        and finding.aspect in _HARM
        and applied_ms < finding.started_ms <= until_ms
    )


def _excused(watch: Watch, applied_ms: int) -> set[str]:
    """Return where trouble is no news: it was there before, or its reason is that the suspect has not recovered."""
    before = [one for one in watch.own if one.started_ms <= applied_ms]
    excused = {_at(one, watch.wiring) for one in before}
    if any(one.active and _at(one, watch.wiring) == watch.suspect for one in before):
        excused.update(watch.wiring.above(watch.suspect))
    return excused


def _went_down(finding: Finding, own: Sequence[Finding], applied_ms: int) -> bool:
    """Whether what answered before the action does not any more."""
    down = finding.aspect is Aspect.AVAILABILITY
    return down and not any(one.aspect is Aspect.AVAILABILITY and one.started_ms <= applied_ms for one in own)


def _is_explained_elsewhere(finding: Finding, watch: Watch) -> bool:
    """Whether another open incident is the reason of a finding, so that it says nothing about this action."""
    at = _at(finding, watch.wiring)
    return at != watch.suspect and (at in watch.elsewhere or not watch.elsewhere.isdisjoint(watch.wiring.below(at)))


def _says_something(finding: Finding, watch: Watch, applied_ms: int) -> bool:
    """Whether a finding of the incident tells if the act helped: it is about the suspect, or about a victim of it."""
    if _is_trace(finding, applied_ms):
        return False
    at = _at(finding, watch.wiring)
    if watch.suspect in {at, watch.wiring.fold(finding.entity.ref)}:
        return True
    if _is_explained_elsewhere(finding, watch) or depth(finding) is not Depth.SYMPTOM:
        return False
    is_victim = at in watch.wiring.above(watch.suspect) or _is_felt_around(watch)
    return is_victim and not _has_another_reason(at, watch)


def _is_felt_around(watch: Watch) -> bool:
    """Whether the suspect's trouble spreads along no call: it burns a shared processor, or is a cache."""
    if watch.plan.cause.partition("@")[0] == CauseKind.NOISY_NEIGHBOUR:
        return True
    return any(one.aspect in _SPREADS and _at(one, watch.wiring) == watch.suspect for one in watch.own)


def _is_overruled(finding: Finding, watch: Watch, applied_ms: int) -> bool:
    """Whether what is merely unusual is well by the word of whoever is responsible for it, given after the act.

    A disk that was nearly empty for weeks and is now two thirds full is unusual; its policy says that it is fine.
    """
    if finding.source not in _GUESSES or finding.aspect in _HARM:
        return False
    words = [
        one
        for one in watch.own
        if one.source not in _GUESSES
        and one.aspect is finding.aspect
        and _at(one, watch.wiring) == _at(finding, watch.wiring)
    ]
    return any((one.ended_ms or 0) >= applied_ms for one in words) and not any(one.active for one in words)


def _has_another_reason(at: str, watch: Watch) -> bool:
    """Whether something else that this place needs is in trouble, and not because of the suspect."""
    victims = watch.wiring.above(watch.suspect)
    others = {_at(one, watch.wiring) for one in watch.own if one.active} - {at, watch.suspect}
    return any(ref in others and ref not in victims for ref in watch.wiring.below(at))


def _is_trace(finding: Finding, applied_ms: int) -> bool:
    return finding.aspect in _ITS_OWN_TRACE and finding.started_ms >= applied_ms - 1000


def _at(finding: Finding, wiring: Wiring) -> str:
    return wiring.fold((finding.peer or finding.entity).ref)


def _verdict(plan: Plan, kind: VerdictKind, now_ms: int, reason: str, harm: Iterable[str] = ()) -> Verdict:
    return Verdict(plan=plan.id, kind=kind, time_ms=now_ms, reason=reason, harm=tuple(harm))
