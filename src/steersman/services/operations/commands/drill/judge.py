"""Judges what was seen of a scenario against what the scenario says. Pure: the same observation, the same judgement.

Doubt counts against the watcher. An incident that was open when the fault came detected nothing, one that was over by
then and is opened again did; the first incident that touches the fault is the one whose ranking counts; what came right
before the watcher decided to act, it did not repair; what broke again is not repaired; a plan is verified only when the
watcher itself says that it cured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import dropwhile, pairwise

from steersman.services.operations.commands.drill.observed import (
    IncidentSeen,
    Look,
    Observation,
    PlanSeen,
    TrueCause,
    Truth,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What came of one scenario. Seconds count from the injection; None means never.

    `failure` says why the scenario could not be judged as it is written; nothing of it counts as reached then.
    """

    scenario: str
    control: bool
    detected: float | None = None
    rank: int | None = None
    repaired: float | None = None
    verified: bool = False
    done: tuple[str, ...] = ()
    harm: tuple[str, ...] = ()
    false_incidents: int = 0
    notes: tuple[str, ...] = ()
    failure: str = ""

    @property
    def cured(self) -> bool:
        """Whether it came right, through the watcher, and the watcher knows."""
        return self.repaired is not None and self.verified

    @property
    def passed(self) -> bool:
        """Whether nothing is left to wish; for a control, that nothing was done."""
        reached = self.control or (self.detected is not None and self.rank == 1 and self.cured)
        return reached and not self.harm and not self.failure


def judge(truth: Truth, seen: Observation) -> Judgement:
    """Compare one observation with the truth."""
    touching = [first_touch(cause, seen, alone=len(truth.causes) == 1) for cause in truth.causes]
    found = [one.seen_ms for one in touching if one is not None]
    ranks = [_rank(cause, one, seen) for cause, one in zip(truth.causes, touching, strict=True)]
    placed = [rank for rank in ranks if rank is not None]
    repaired, note = _repaired(truth, seen)
    dead = seen.watcher_died_ms is not None
    return Judgement(
        scenario=truth.scenario,
        control=truth.control,
        detected=_seconds(max(found), seen) if found and len(found) == len(touching) else None,
        rank=max(placed) if placed and len(placed) == len(ranks) else None,
        repaired=None if dead else repaired,
        verified=not truth.control and all(_verified(cause, seen) for cause in truth.causes),
        done=tuple(_described(plan) for plan in seen.plans if plan.performed),
        harm=tuple(_harm(truth, seen)),
        false_incidents=len(_unrelated(truth, seen)),
        notes=tuple(one for one in (note, *_split(truth, seen)) if one),
        failure=seen.failure or ("the watcher died" if dead else ""),
    )


def first_touch(cause: TrueCause, seen: Observation, *, alone: bool = True) -> IncidentSeen | None:
    """Return the first serious incident of the fault, as it was when it first named what is affected.

    Faults that are not alone have victims in common: there an incident is of the fault whose own place it names, and
    only where none does, one of its victims will do.
    """
    of_fault = list(_of_fault(cause, seen))
    own = [one for one in of_fault if any(_among(entity, cause.entities) for entity in one.entities)]
    return next(iter(of_fault if alone or not own else own), None)


def _of_fault(cause: TrueCause, seen: Observation) -> Iterator[IncidentSeen]:
    """Yield how incidents that touch a fault looked, those left out that were open when it came."""
    before = {one.id: one.over for one in seen.incidents if one.seen_ms < seen.injected_ms}
    for one in seen.incidents:
        opened = one.opened_ms >= seen.injected_ms or (before.get(one.id, False) and not one.over)
        if one.seen_ms >= seen.injected_ms and opened and _touches(cause, one):
            yield one


def _touches(cause: TrueCause, incident: IncidentSeen) -> bool:
    return incident.serious and any(_among(entity, cause.affected) for entity in incident.entities)


def _among(entity: str, known: frozenset[str]) -> bool:
    """Whether an entity is one of those known, or a replica of a service that is: `process:orders/0` of `orders`."""
    kind, _, name = entity.partition(":")
    return entity in known or (kind == "process" and f"service:{name.partition('/')[0]}" in known)


def _seconds(time_ms: int, seen: Observation) -> float:
    return (time_ms - seen.injected_ms) / 1000


def _rank(cause: TrueCause, incident: IncidentSeen | None, seen: Observation) -> int | None:
    """Where the cause stood when the watcher acted upon its ranking, or at last where it did not act.

    What was decided before the incident came to touch this fault was about another one.
    """
    if incident is None:
        return None
    acted = [
        plan.decided_ms
        for plan in _performed(seen)
        if plan.incident == incident.id and plan.decided_ms >= incident.seen_ms
    ]
    versions = [one for one in _of_fault(cause, seen) if one.id == incident.id and one.ranking]
    # What is asked for is seen a little after it was so; where all of it was seen too late, the first counts.
    shown = [one for one in versions if one.seen_ms <= min(acted, default=seen.ended_ms)] or versions[:1]
    ranking = shown[-1].ranking if shown else ()
    right = (one.cause in cause.kinds and _among(one.entity, cause.entities) for one in ranking)
    return next((place for place, is_right in enumerate(right, 1) if is_right), None)


def _verified(cause: TrueCause, seen: Observation) -> bool:
    """Whether the watcher itself says that something it did cured an incident of this cause."""
    own = {one.id for one in _of_fault(cause, seen)}
    after = (plan for plan in seen.plans if plan.decided_ms >= seen.injected_ms)
    return any(plan.incident in own and plan.cured for plan in after)


def _repaired(truth: Truth, seen: Observation) -> tuple[float | None, str]:
    """Seconds until the criterion held for good, or why that does not count as a repair."""
    looks = [look for look in seen.looks if look.time_ms >= seen.injected_ms]
    performed = _performed(seen)
    if truth.control or not looks:
        return None, ""
    broken = not all(look.repaired for look in looks)
    if not looks[-1].repaired:
        shown = dropwhile(lambda look: look.repaired, looks)
        again = any(one.repaired and not two.repaired for one, two in pairwise(shown))
        return None, "it broke again" if again and performed else ""
    if not performed:
        return None, "came right by itself" if broken else "did not show from outside, and nothing was done"
    held = _last_run(looks)
    if not broken:
        # What never showed from outside is repaired when what cured it was done.
        cures = [plan.applied_ms or plan.decided_ms for plan in performed if plan.cured]
        return (_seconds(max(cures), seen), "") if cures else (None, "did not show from outside")
    if held < min(plan.decided_ms for plan in performed):
        return None, "came right by itself before the watcher acted"
    return _seconds(held, seen), ""


def _performed(seen: Observation) -> list[PlanSeen]:
    """What the watcher did about the fault: what it did before cannot have been that."""
    return [plan for plan in seen.plans if plan.performed and plan.decided_ms >= seen.injected_ms]


def _last_run(looks: Sequence[Look]) -> int:
    """When the last unbroken run of looks that were right began."""
    return looks[max((place + 1 for place, look in enumerate(looks) if not look.repaired), default=0)].time_ms


def _described(plan: PlanSeen) -> str:
    return f"{plan.action} on {plan.target}: {plan.verdict or plan.state}"


def _harm(truth: Truth, seen: Observation) -> Iterator[str]:
    """Yield what was done that the scenario does not permit, and what became worse."""
    for plan in seen.plans:
        name = f"{plan.action} on {plan.target}"
        if truth.control and plan.meant_to_act:
            yield f"{name} was decided ({plan.state}) although nothing was wrong"
        elif plan.performed and not _permitted(truth, plan):
            yield f"{name} is not what this scenario allows"
        if plan.performed and "worse" in (plan.state, plan.verdict):
            yield f"{name} made it worse"
        if plan.performed and plan.harm:
            yield f"{name} harmed {', '.join(plan.harm)}"
    yield from seen.harmed


def _permitted(truth: Truth, plan: PlanSeen) -> bool:
    return any(fnmatchcase(plan.action, one.action) and fnmatchcase(plan.target, one.target) for one in truth.permits)


def _unrelated(truth: Truth, seen: Observation) -> set[str]:
    """Serious incidents that no fault of the scenario explains; before the injection that is every one."""
    related = {one.id for cause in truth.causes for one in _of_fault(cause, seen) if one.opened_ms >= seen.injected_ms}
    return {one.id for one in seen.incidents if one.serious and one.opened_ms >= seen.started_ms} - related


def _split(truth: Truth, seen: Observation) -> Iterator[str]:
    """Yield a note where one cause became more than one incident."""
    for cause in truth.causes:
        own = {one.id for one in _of_fault(cause, seen)}
        if len(own) > len(truth.causes):
            yield f"{len(own)} incidents for {'/'.join(sorted(cause.kinds))}"
