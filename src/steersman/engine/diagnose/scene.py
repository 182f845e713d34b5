"""What is seen of an incident, arranged around each suspect: its own findings, its callers', its neighbours'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from steersman.engine.diagnose.signs import Fact, Where
from steersman.engine.loop_wiring import Wiring
from steersman.model.changes import Change, ChangeKind
from steersman.model.entities import EntityKind
from steersman.model.findings import Aspect, Direction, Finding
from steersman.model.topology import EdgeKind

#: Aspects that a victim shows as well as a culprit.
SYMPTOMS = frozenset(
    {
        Aspect.ERRORS,
        Aspect.LATENCY,
        Aspect.TRAFFIC,
        Aspect.PROGRESS,
        Aspect.QUEUE,
        Aspect.THREADS,
        Aspect.LOG_VOLUME,
        Aspect.LOG_PATTERN,
        Aspect.OTHER,
    }
)
#: What is scarce: exhausted at the suspect itself, it explains more than any dependency does.
RESOURCES = frozenset(
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
HOSTS = frozenset({EntityKind.HOST, EntityKind.NODE})
_CALLING = frozenset({EdgeKind.CALLS, EdgeKind.DEPENDS_ON})
_REPEATED = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """The findings of an incident by the place to which they belong, with what is around them."""

    wiring: Wiring
    findings: tuple[Finding, ...]
    changes: tuple[Change, ...]
    watched: frozenset[str]
    begun: Mapping[str, tuple[int, ...]]
    at: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    about: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)

    def own(self, ref: str) -> tuple[Finding, ...]:
        return self.at.get(ref, ())

    def callers(self, ref: str) -> tuple[Finding, ...]:
        return self.about.get(ref, ())

    def seen(self, where: Where, ref: str) -> Sequence[Finding]:
        """Return the findings at one place, seen from a suspect."""
        if where is Where.OWN:
            return self.own(ref)
        if where is Where.CALLERS:
            return self.callers(ref)
        if where is Where.DEPENDENTS:
            return self._around(self.wiring.needed_by(ref), _CALLING)
        if where is Where.NEEDS:
            return self._around(self.wiring.needs(ref), _CALLING)
        return self._around(self.wiring.needs(ref), frozenset({EdgeKind.RUNS_ON}))

    def changed(self, ref: str) -> Iterator[Change]:
        """Yield what was changed at an entity, the latest first."""
        return (change for change in reversed(self.changes) if self.wiring.fold(change.entity.ref) == ref)

    def troubled(self, ref: str) -> bool:
        """Whether an entity is in trouble itself, and not merely busier or idler than usual."""
        return any(_is_trouble(finding) for finding in (*self.own(ref), *self.callers(ref)))

    def troubled_needs(self, ref: str) -> list[str]:
        """Return what an entity calls, directly or not, that is in trouble."""
        return [
            below
            for below in self.wiring.below(ref)
            if below != ref and self.wiring.entity(below).kind not in HOSTS and self.troubled(below)
        ]

    def _around(self, near: Mapping[str, EdgeKind], kinds: frozenset[EdgeKind]) -> list[Finding]:
        return [finding for ref, kind in near.items() if kind in kinds for finding in self.own(ref)]


def scene(
    wiring: Wiring,
    findings: Iterable[Finding],
    changes: Iterable[Change],
    watched: frozenset[str],
    begun: Mapping[str, tuple[int, ...]],
) -> Scene:
    """Arrange findings by place: one about a call belongs to the one who is called."""
    at: dict[str, list[Finding]] = {}
    about: dict[str, list[Finding]] = {}
    kept = tuple(findings)
    for finding in kept:
        if finding.peer is None:
            at.setdefault(wiring.fold(finding.entity.ref), []).append(finding)
        else:
            about.setdefault(wiring.fold(finding.peer.ref), []).append(finding)
    return Scene(
        wiring,
        kept,
        tuple(changes),
        watched,
        begun,
        {ref: tuple(found) for ref, found in at.items()},
        {ref: tuple(found) for ref, found in about.items()},
    )


def facts(seen: Scene, ref: str) -> dict[Fact, str]:
    """Return what is true of a suspect as a whole, with the words that say why."""
    found: dict[Fact, str] = {}
    own, calls = seen.own(ref), seen.callers(ref)
    serious = [finding for finding in own if finding.severity != "info"]
    name = seen.wiring.entity(ref).id
    down = _first(serious, Aspect.AVAILABILITY)
    if down is not None:
        found[Fact.DOWN] = down.reason
    scarce = next((finding for finding in serious if finding.aspect in RESOURCES), None)
    if scarce is not None:
        found[Fact.RESOURCE] = scarce.reason
    if ref not in seen.watched and not own:
        found[Fact.EXTERNAL] = f"{name} has no telemetry of its own: only its callers see it"
    elif calls and not any(_is_trouble(finding) for finding in serious):
        found[Fact.HEALTHY_INSIDE] = f"{name} itself sees nothing wrong"
    found |= _repeated(seen, own, name) | _around_it(seen, ref, name) | _traffic(seen, ref, name)
    if HOSTS.isdisjoint({seen.wiring.entity(ref).kind}):
        return found | _as_guest(seen, ref, name)
    return found | _as_host(seen, ref, name)


def _repeated(seen: Scene, own: Sequence[Finding], name: str) -> dict[Fact, str]:
    times = max((len(seen.begun.get(finding.key, ())) for finding in own), default=0)
    return {Fact.REPEATS: f"{name} went down {times} times in ten minutes"} if times >= _REPEATED else {}


def _around_it(seen: Scene, ref: str, name: str) -> dict[Fact, str]:
    found = {}
    troubled = seen.troubled_needs(ref)
    if troubled:
        below = seen.wiring.entity(troubled[-1]).id
        found[Fact.NEEDS_TROUBLED] = f"{name} needs {below}, which is in trouble itself"
    callers = [other for other, kind in seen.wiring.needed_by(ref).items() if kind in _CALLING]
    if callers:
        found[Fact.NEEDED] = f"{len(callers)} need {name}"
    complaining = {seen.wiring.fold(finding.entity.ref) for finding in seen.callers(ref)}
    content = [other for other in callers if other not in complaining]
    if complaining and content:
        found[Fact.OTHERS_FINE] = f"{seen.wiring.entity(content[0]).id} calls {name} without trouble"
    change = next((one for one in seen.changed(ref) if one.kind in {ChangeKind.DEPLOY, ChangeKind.CONFIG}), None)
    if change is not None:
        found[Fact.CHANGED] = f"{change.summary or change.kind} just before"
    return found


def _traffic(seen: Scene, ref: str, name: str) -> dict[Fact, str]:
    flood = _first(seen.own(ref), Aspect.TRAFFIC, Direction.HIGH)
    if flood is None:
        return {}
    found = {Fact.FLOODED: flood.reason}
    above = [other for other in seen.wiring.needed_by(ref) if _first(seen.own(other), Aspect.TRAFFIC, Direction.HIGH)]
    if not above:
        found[Fact.ORIGIN] = f"nobody who calls {name} is busier than usual"
    return found


def _as_guest(seen: Scene, ref: str, name: str) -> dict[Fact, str]:
    burns = _first(seen.own(ref), Aspect.CPU, Direction.HIGH)
    calls = [
        other
        for near in (seen.wiring.needs(ref), seen.wiring.needed_by(ref))
        for other, kind in near.items()
        if kind in _CALLING
    ]
    suffering = [other for other in seen.at if other != ref and _suffers(seen, other)]
    if burns is not None and not calls and suffering:
        return {Fact.APART: f"{name} is on nobody's path, and {', '.join(_ids(seen, suffering))} suffer"}
    return {}


def _as_host(seen: Scene, ref: str, name: str) -> dict[Fact, str]:
    guests = [other for other, kind in seen.wiring.needed_by(ref).items() if kind is EdgeKind.RUNS_ON]
    found = {}
    suffering = [other for other in guests if _suffers(seen, other)]
    if len(suffering) > 1 and any(finding.aspect in RESOURCES for finding in seen.own(ref)):
        found[Fact.GUESTS_SUFFER] = f"{', '.join(_ids(seen, suffering))} suffer, all on {name}"
    burning = [other for other in guests if _first(seen.own(other), Aspect.CPU, Direction.HIGH)]
    if burning:
        found[Fact.GUEST_BURNS] = f"{', '.join(_ids(seen, burning))} uses the processor of {name}"
    deeper = [
        other
        for other in guests
        if any(finding.aspect in {Aspect.AVAILABILITY, *RESOURCES} for finding in seen.own(other))
    ]
    if deeper or any(next(seen.changed(other), None) for other in guests):
        found[Fact.GUEST_DEEPER] = f"what is wrong with {', '.join(_ids(seen, deeper or guests))} explains it"
    return found


def _suffers(seen: Scene, ref: str) -> bool:
    return any(finding.aspect in {Aspect.LATENCY, Aspect.ERRORS} for finding in (*seen.own(ref), *seen.callers(ref)))


def _is_trouble(finding: Finding) -> bool:
    return finding.severity != "info" and finding.aspect is not Aspect.TRAFFIC


def _first(findings: Iterable[Finding], aspect: Aspect, direction: Direction | None = None) -> Finding | None:
    return next(
        (one for one in findings if one.aspect is aspect and (direction is None or one.direction is direction)), None
    )


def _ids(seen: Scene, refs: Iterable[str]) -> list[str]:
    return [seen.wiring.entity(ref).id for ref in refs]
