"""Ranks what may be behind an incident: every cause at every suspect, scored by the table, with the evidence.

The scores are log-odds, and the beliefs their shares beside an "unknown" that nothing speaks for or against; so weak
evidence leaves most belief with nobody. It asks no model and draws no lots: the same findings, the same ranking.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from steersman.engine.diagnose.facts import facts, suspicion
from steersman.engine.diagnose.scene import HOSTS, SYMPTOMS, Scene
from steersman.engine.diagnose.signatures import SIGNATURES
from steersman.engine.diagnose.signs import KEY_WEIGHT, Fact, Known, Sign, Signature, Where
from steersman.model.changes import ChangeKind
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction, Finding
from steersman.model.incidents import Evidence, Hypothesis

#: The log-odds of "something else": one clear sign (3) beats it, two symptoms of a victim (0.7 each) do not.
_UNKNOWN = 1.2
#: What the author of a signal had in mind counts as the cause's own sign does.
_SUGGESTED = 3.2
#: How much is left of a symptom, and of a soft resource, when something that the suspect needs is in trouble too.
_SYMPTOM_OF_VICTIM = 0.25
_RESOURCE_OF_VICTIM = 0.6
_SOFT = frozenset({Aspect.AVAILABILITY, Aspect.POOL, Aspect.MEMORY, Aspect.CPU, Aspect.DESCRIPTORS})
#: What a trend says that has nothing unusual in it, against a cause that should show there.
_AS_USUAL = -1.2
_KEPT = 8
_STRENGTH = {"critical": 1.0, "warning": 0.9, "info": 0.5}
#: What has ended already still tells what it was.
_ENDED_STRENGTH = 0.5


@dataclass(frozen=True, slots=True)
class _Suspicion:
    cause: Signature
    ref: str
    score: float
    evidence: tuple[Evidence, ...]


def _told_once(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Return what speaks for or against a cause, the weightiest first and each observation once."""
    found: dict[str, Evidence] = {}
    for one in sorted(evidence, key=lambda item: -abs(item.weight)):
        found.setdefault(one.text, one)
    return tuple(found.values())


def rank(
    seen: Scene, quiet: frozenset[tuple[str, Aspect]] = frozenset(), denied: tuple[str, ...] = ()
) -> tuple[Hypothesis, ...]:
    """Return the likeliest causes, best first. `quiet` are aspects that a trend shows to be as usual."""
    suspicions = [suspicion for ref in _suspects(seen) for suspicion in _suspected(seen, ref, quiet)]
    suspicions = [one for one in suspicions if f"{one.cause.cause}@{seen.wiring.entity(one.ref).ref}" not in denied]
    suspicions.sort(key=lambda one: (-one.score, one.cause.cause, one.ref))
    total = math.exp(_UNKNOWN) + sum(math.exp(min(one.score, 50.0)) for one in suspicions)
    return tuple(
        Hypothesis(
            one.cause.cause,
            seen.wiring.entity(one.ref),
            round(math.exp(min(one.score, 50.0)) / total, 4),
            _told_once(one.evidence),
        )
        for one in suspicions[:_KEPT]
    )


def _suspects(seen: Scene) -> list[str]:
    """Return where findings are, who is complained about, and what they need that was changed."""
    found = dict.fromkeys([*seen.at, *seen.about, *seen.reported])
    for change in seen.changes:
        found.setdefault(seen.wiring.fold(change.entity.ref))
    return list(found)


def _suspected(seen: Scene, ref: str, quiet: frozenset[tuple[str, Aspect]]) -> Iterator[_Suspicion]:
    known = facts(seen, ref)
    findings = (*seen.own(ref), *seen.callers(ref))
    glance = _Glance(
        frozenset(finding.aspect for finding in findings),
        " | ".join(finding.reason for finding in findings if finding.active),
        frozenset(cause for finding in seen.own(ref) for cause in finding.suggests),
        known,
        changed=Fact.CHANGED in known or any(finding.aspect is Aspect.CONFIGURATION for finding in findings),
    )
    for cause in SIGNATURES:
        if not glance.may_be(cause):
            continue
        told = list(_told_of(cause, seen, ref, known))
        if not any(one.is_key for one in told):
            continue
        evidence = (*(one.evidence for one in told), *_missing(cause, seen, ref, quiet))
        yield _Suspicion(cause, ref, cause.prior + sum(item.weight for item in evidence), evidence)


@dataclass(frozen=True, slots=True)
class _Glance:
    """What is at a suspect at all: most causes are dismissed by it, for next to nothing."""

    aspects: frozenset[Aspect]
    text: str
    suggested: frozenset[CauseKind]
    facts: Mapping[Fact, Known]
    changed: bool

    def may_be(self, cause: Signature) -> bool:
        return (
            cause.cause in self.suggested
            or not self.aspects.isdisjoint(cause.keys)
            or (self.changed and bool(cause.changes))
            or any(weight >= KEY_WEIGHT and fact in self.facts for fact, weight in cause.facts.items())
            or any(words.pattern.search(self.text) for words in cause.words if words.weight >= KEY_WEIGHT)
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """One piece of evidence, and whether the cause is known by it, beyond what it shares with others."""

    evidence: Evidence
    is_key: bool


def _told_of(cause: Signature, seen: Scene, ref: str, known: Mapping[Fact, Known]) -> Iterator[_Told]:
    victim = Fact.NEEDS_TROUBLED in known
    for sign in cause.signs:
        best = _best(sign, seen, ref, victim=victim)
        if best is not None:
            strength, finding = best
            is_key = sign.weight >= KEY_WEIGHT and _can_be_key(finding)
            yield _Told(_evidence(finding, sign.weight * strength), is_key)
    for fact, weight in cause.facts.items():
        if fact in known:
            one = known[fact]
            yield _Told(Evidence(one.text, round(weight * one.strength, 3)), weight >= KEY_WEIGHT)
    yield from _suggested(cause, seen, ref)
    yield from _said(cause, seen, ref)
    yield from _changed(cause, seen, ref)


def _can_be_key(finding: Finding) -> bool:
    """Whether a cause can be known by a finding: not by what has ended, nor by a note that may mean nothing.

    That more is asked for than usual is always a note, and explains much.
    """
    is_busy = finding.aspect is Aspect.TRAFFIC and finding.entity.kind not in HOSTS
    return finding.active and (finding.severity != "info" or is_busy)


def _best(sign: Sign, seen: Scene, ref: str, *, victim: bool) -> tuple[float, Finding] | None:
    """Return the finding that shows a sign most strongly: one sign counts once, however many replicas show it."""
    best: tuple[float, Finding] | None = None
    for finding in seen.seen(sign.where, ref):
        if finding.aspect is not sign.aspect or finding.direction not in sign.directions:
            continue
        strength = _strength(finding)
        if sign.where is Where.OWN and victim and sign.weight > 0:
            strength *= _left_of(finding)
        if best is None or strength > best[0]:
            best = strength, finding
    return best


def _left_of(finding: Finding) -> float:
    """How much of a sign is left when something that the suspect needs explains it as well."""
    if finding.aspect in SYMPTOMS:
        return _SYMPTOM_OF_VICTIM
    return _RESOURCE_OF_VICTIM if finding.aspect in _SOFT and not finding.suggests else 1.0


def _strength(finding: Finding) -> float:
    return _STRENGTH[finding.severity] * (1.0 if finding.active else _ENDED_STRENGTH)


def _suggested(cause: Signature, seen: Scene, ref: str) -> Iterator[_Told]:
    for finding in seen.own(ref):
        if cause.cause in finding.suggests:
            yield _Told(_evidence(finding, _SUGGESTED * _strength(finding)), is_key=finding.active)
            return


def _said(cause: Signature, seen: Scene, ref: str) -> Iterator[_Told]:
    """Yield what logs and reasons say in words, at the suspect and by its callers."""
    for words in cause.words:
        for finding in (*seen.own(ref), *seen.callers(ref)):
            if words.pattern.search(finding.reason) and finding.active:
                yield _Told(_evidence(finding, words.weight), words.weight >= KEY_WEIGHT)
                break


def _changed(cause: Signature, seen: Scene, ref: str) -> Iterator[_Told]:
    for change in seen.changed(ref):
        weight = cause.changes.get(change.kind)
        if weight is not None:
            before = max(0, seen.began_ms(ref) - change.time_ms)
            text = f"{change.summary or change.kind} {before / 1000:.0f} s before the first finding"
            yield _Told(Evidence(text, round(weight * suspicion(seen, change), 3), change.id), _is_followed(seen, ref))
            return
    yield from _changed_by_itself(cause, seen, ref)


def _changed_by_itself(cause: Signature, seen: Scene, ref: str) -> Iterator[_Told]:
    """Yield a new version that only telemetry tells of: nobody reported the deploy."""
    for finding in seen.own(ref):
        if finding.aspect is Aspect.CONFIGURATION and finding.direction is Direction.NEW:
            kind = ChangeKind.CONFIG if "config" in f"{finding.signal} {finding.reason}" else ChangeKind.DEPLOY
            if kind in cause.changes:
                yield _Told(_evidence(finding, cause.changes[kind]), _is_followed(seen, ref))
                return


def _missing(cause: Signature, seen: Scene, ref: str, quiet: frozenset[tuple[str, Aspect]]) -> Iterator[Evidence]:
    """Yield what a trend shows to be as usual although the cause should be seen there."""
    for sign in cause.signs:
        if sign.where is Where.OWN and sign.weight >= 1.0 and (ref, sign.aspect) in quiet:
            yield Evidence(f"{sign.aspect} of {seen.wiring.entity(ref).id} is as usual", _AS_USUAL)


def _is_followed(seen: Scene, ref: str) -> bool:
    """Whether anything is wrong there or with those who need it: a change that nothing followed is no suspect."""
    if any(_is_wrong(finding) for finding in (*seen.own(ref), *seen.callers(ref))):
        return True
    around = (*seen.seen(Where.CALLS, ref), *seen.seen(Where.DEPENDENTS, ref))
    return any(_is_wrong(finding) for finding in around)


def _is_wrong(finding: Finding) -> bool:
    return finding.aspect not in {Aspect.CONFIGURATION, Aspect.RESTARTS, Aspect.TRAFFIC} and finding.severity != "info"


def _evidence(finding: Finding, weight: float) -> Evidence:
    name = finding.entity.id if finding.peer is None else f"{finding.entity.id} calling {finding.peer.id}"
    ended = "" if finding.active else " (ended)"
    return Evidence(f"{name}: {finding.reason}{ended}", round(weight, 3), finding.key)
