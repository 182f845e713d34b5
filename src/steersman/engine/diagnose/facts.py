"""What is true of a suspect as a whole: it was changed, it is at its limits, what it needs is in trouble, and so on.

Every fact comes with the words that say why, so that a person can check it. What a fact is worth stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from steersman.engine.diagnose.scene import CALLING, HOSTS, Scene, is_trouble
from steersman.engine.diagnose.signs import Fact, Known, Where
from steersman.model.changes import Change
from steersman.model.findings import Aspect, Direction, Finding
from steersman.model.topology import EdgeKind

#: What is scarce: exhausted at the suspect itself, it explains more than any dependency does.
_RESOURCES = frozenset(
    {
        Aspect.CPU,
        Aspect.MEMORY,
        Aspect.DISK,
        Aspect.DESCRIPTORS,
        Aspect.LOCK,
        Aspect.POOL,
        Aspect.CACHE,
        Aspect.CERTIFICATE,
        Aspect.CLOCK,
        Aspect.INTEGRITY,
    }
)
_USED = frozenset({Aspect.CPU, Aspect.MEMORY, Aspect.DESCRIPTORS, Aspect.LOCK, Aspect.POOL})
_REPEATED = 3
_DOWN = frozenset({Aspect.AVAILABILITY, Aspect.RESTARTS})
#: How much of a machine that has no time left says against a suspect when nobody is seen to take it.
_CROWDED_BY_NOBODY = 0.6
#: A change loses half of its suspicion in this time.
_CHANGE_HALF_LIFE_MS = 120_000


def facts(seen: Scene, ref: str) -> dict[Fact, Known]:
    """Return what is true of a suspect as a whole, with the words that say why."""
    own, complaints = seen.own(ref), seen.complaints(ref)
    serious = [finding for finding in own if finding.severity != "info"]
    name = seen.wiring.entity(ref).id
    found: dict[Fact, Known] = {}
    down = _first(serious, Aspect.AVAILABILITY)
    if down is not None:
        found[Fact.DOWN] = Known(down.reason)
    scarce = next((finding for finding in serious if _is_exhausted(finding)), None)
    if scarce is not None:
        found[Fact.RESOURCE] = Known(scarce.reason)
    if ref not in seen.watched and not own:
        found[Fact.EXTERNAL] = Known(f"{name} has no telemetry of its own: only its callers see it")
    elif complaints and not any(is_trouble(finding) for finding in serious):
        found[Fact.HEALTHY_INSIDE] = Known(f"{name} itself sees nothing wrong")
    found |= _repeated(seen, own, name) | _around_it(seen, ref, name) | _changes(seen, ref) | _traffic(seen, ref, name)
    if seen.wiring.entity(ref).kind in HOSTS:
        return found | _as_host(seen, ref, name)
    return found | _as_guest(seen, ref, name)


def _repeated(seen: Scene, own: Sequence[Finding], name: str) -> dict[Fact, Known]:
    looping = next((one for one in own if one.aspect is Aspect.RESTARTS and one.severity == "critical"), None)
    if looping is not None:
        return {Fact.REPEATS: Known(looping.reason)}
    downs = (finding for finding in own if finding.aspect in _DOWN)
    times = max((len(seen.begun.get(finding.key, ())) for finding in downs), default=0)
    return {Fact.REPEATS: Known(f"{name} went down {times} times in ten minutes")} if times >= _REPEATED else {}


def _around_it(seen: Scene, ref: str, name: str) -> dict[Fact, Known]:
    found = {}
    troubled = seen.troubled_needs(ref)
    if troubled:
        below = seen.wiring.entity(troubled[-1]).id
        found[Fact.NEEDS_TROUBLED] = Known(f"{name} needs {below}, which is in trouble itself")
    content = seen.content(ref)
    if seen.complaints(ref) and content:
        found[Fact.OTHERS_FINE] = Known(f"{seen.wiring.entity(content[0]).id} calls {name} without trouble")
    return found


def _changes(seen: Scene, ref: str) -> dict[Fact, Known]:
    found = {}
    change = next(seen.changed(ref), None)
    if change is not None:
        found[Fact.CHANGED] = Known(f"{change.summary or change.kind} just before", suspicion(seen, change))
    elif seen.is_changed(ref):
        found[Fact.CHANGED] = Known(f"{seen.wiring.entity(ref).id} runs another version than before")
    complaining = seen.complaining(ref)
    if complaining and all(seen.is_changed(other) for other in complaining):
        names = ", ".join(_ids(seen, complaining))
        found[Fact.CALLER_CHANGED] = Known(f"only {names} complains, which was just changed")
    strained = [one for one in (seen.strain(other, ref) for other in complaining) if one is not None]
    if strained and len(strained) == len(complaining):
        found[Fact.CALLER_STRAINED] = Known(f"only those complain who are at their own limits: {strained[0].reason}")
    return found


def suspicion(seen: Scene, change: Change) -> float:
    """Return how suspect a change is, 0.5 to 1: the sooner trouble followed, the more."""
    before = max(0, seen.began_ms(seen.wiring.fold(change.entity.ref)) - change.time_ms)
    return float(0.5 + 0.5 * 0.5 ** (before / _CHANGE_HALF_LIFE_MS))


def _traffic(seen: Scene, ref: str, name: str) -> dict[Fact, Known]:
    flood = _first(seen.own(ref), Aspect.TRAFFIC, Direction.HIGH)
    if flood is None:
        return _idle(seen, ref)
    found = {Fact.FLOODED: Known(flood.reason)}
    above = (_first(seen.own(other), Aspect.TRAFFIC, Direction.HIGH) for other in seen.wiring.above(ref))
    surge = next((one for one in above if one is not None), None)
    if surge is not None:
        found[Fact.SURGE] = Known(surge.reason)
    else:
        found[Fact.ORIGIN] = Known(f"nobody who calls {name} is busier than usual")
    return found


def _idle(seen: Scene, ref: str) -> dict[Fact, Known]:
    """In a quiet hour less is finished because less is asked for; a queue or silence would tell another story."""
    own = seen.own(ref)
    if any(one.aspect in {Aspect.AVAILABILITY, Aspect.QUEUE} and one.severity != "info" for one in own):
        return {}
    lows = (one for other in (ref, *seen.wiring.above(ref)) for one in seen.own(other) if one.aspect is Aspect.TRAFFIC)
    quiet = next((one for one in lows if one.direction is not Direction.HIGH), None)
    if quiet is None:
        quiet = next((one for other in seen.wiring.above(ref) for one in seen.own(other) if _stops_work(one)), None)
    return {} if quiet is None else {Fact.IDLE: Known(quiet.reason)}


def _stops_work(finding: Finding) -> bool:
    """Whether a caller in this state passes less on to what it needs."""
    return finding.severity != "info" and finding.aspect in {Aspect.AVAILABILITY, Aspect.ERRORS}


def _as_guest(seen: Scene, ref: str, name: str) -> dict[Fact, Known]:
    """Return what the others on its machine, and a cache beside it, have to do with a suspect.

    One that burns the processor while others suffer, on nobody's path, is the neighbour they suffer from.
    """
    found: dict[Fact, Known] = {}
    if _first(seen.own(ref), Aspect.CPU) is None:
        found |= _crowded(seen, ref)
    emptied = _first(seen.own(ref), Aspect.CACHE)
    before = seen.trouble_before(emptied) if emptied is not None else None
    if before is not None:
        found[Fact.CONSEQUENCE] = Known(f"before that, {before.reason}")
    cold = next((one for other in _readers(seen, ref) if (one := _cold(seen, other)) is not None), None)
    if cold is not None:
        found[Fact.CACHE_COLD] = Known(cold.reason)
    suffering = [other for other in seen.at if other != ref and _suffers(seen, other)]
    if suffering and _hogs(seen, ref) is not None:
        found[Fact.APART] = Known(f"{name} is on nobody's path, and {', '.join(_ids(seen, suffering))} suffer")
    return found


def _hogs(seen: Scene, ref: str) -> Finding | None:
    """Return the finding that an entity takes the processor, where it is on nobody's path and lacks nothing itself."""
    burns = _first(seen.own(ref), Aspect.CPU, Direction.HIGH)
    near = (*seen.wiring.needed_by(ref).values(), *seen.wiring.needs(ref).values())
    if burns is None or any(kind in CALLING for kind in near) or _suffers(seen, ref):
        return None
    return burns


def _crowded(seen: Scene, ref: str) -> dict[Fact, Known]:
    """Return who takes the processor of the machine that a suspect runs on, or only that it is taken."""
    machines = [other for other, kind in seen.wiring.needs(ref).items() if kind is EdgeKind.RUNS_ON]
    guests = (other for machine in machines for other in seen.wiring.needed_by(machine) if other != ref)
    hog = next((one for one in (_hogs(seen, other) for other in guests) if one is not None), None)
    if hog is not None:
        return {Fact.CROWDED: Known(hog.reason)}
    busy = _first(seen.seen(Where.HOST, ref), Aspect.CPU, Direction.HIGH)
    return {} if busy is None else {Fact.CROWDED: Known(busy.reason, _CROWDED_BY_NOBODY)}


def _readers(seen: Scene, ref: str) -> list[str]:
    """Return who calls an entity, and what they call beside it: one of them may be, or have, the cache before it."""
    callers = [other for other, kind in seen.wiring.needed_by(ref).items() if kind in CALLING]
    beside = [other for caller in callers for other, kind in seen.wiring.needs(caller).items() if kind in CALLING]
    return [other for other in dict.fromkeys([*callers, *beside]) if other != ref]


def _cold(seen: Scene, ref: str) -> Finding | None:
    """Return that a cache answers little, unless that is because its callers fetch nothing that would fill it."""
    cold = _first(seen.own(ref), Aspect.CACHE)
    return None if cold is None or seen.trouble_before(cold) else cold


def _as_host(seen: Scene, ref: str, name: str) -> dict[Fact, Known]:
    guests = [other for other, kind in seen.wiring.needed_by(ref).items() if kind is EdgeKind.RUNS_ON]
    found = {}
    suffering = [other for other in guests if _suffers(seen, other)]
    apart = [other for other in suffering if not any(below in suffering for below in seen.wiring.below(other))]
    scarce = [finding for finding in seen.own(ref) if _is_exhausted(finding)]
    if len(apart) > 1 and scarce:
        told = f"{', '.join(_ids(seen, apart))} suffer, all on {name}, and none needs another"
        found[Fact.GUESTS_SUFFER] = Known(told, 1.0 if any(map(is_trouble, scarce)) else 0.7)
    burning = [other for other in guests if _first(seen.own(other), Aspect.CPU, Direction.HIGH)]
    if burning:
        found[Fact.GUEST_BURNS] = Known(f"{', '.join(_ids(seen, burning))} uses the processor of {name}")
    deeper = [other for other in guests if seen.is_changed(other) or any(map(_explains, seen.own(other)))]
    if deeper:
        found[Fact.GUEST_DEEPER] = Known(f"what is wrong with {', '.join(_ids(seen, deeper))} explains it")
    return found


def _explains(finding: Finding) -> bool:
    return finding.severity != "info" and (finding.aspect is Aspect.AVAILABILITY or _is_exhausted(finding))


def _is_exhausted(finding: Finding) -> bool:
    """Whether a resource ran out; one that is used less than usual did not."""
    spared = finding.aspect in _USED and finding.direction not in {Direction.HIGH, Direction.NEW}
    return finding.aspect in _RESOURCES and not spared


def _suffers(seen: Scene, ref: str) -> bool:
    return any(finding.aspect in {Aspect.LATENCY, Aspect.ERRORS} for finding in (*seen.own(ref), *seen.callers(ref)))


def _first(findings: Iterable[Finding], aspect: Aspect, direction: Direction | None = None) -> Finding | None:
    return next(
        (one for one in findings if one.aspect is aspect and (direction is None or one.direction is direction)), None
    )


def _ids(seen: Scene, refs: Iterable[str]) -> list[str]:
    return [seen.wiring.entity(ref).id for ref in refs]
