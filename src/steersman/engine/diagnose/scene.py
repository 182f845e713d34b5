"""What is seen of an incident, arranged around each suspect: its own findings, its callers', its neighbours'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from steersman.engine.diagnose.signs import Where
from steersman.engine.loop_wiring import Wiring
from steersman.model.changes import Change
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
HOSTS = frozenset({EntityKind.HOST, EntityKind.NODE})
CALLING = frozenset({EdgeKind.CALLS, EdgeKind.DEPENDS_ON})
_FELT_BY_CALLERS = frozenset({Aspect.ERRORS, Aspect.LATENCY, Aspect.POOL})
#: A cache that nobody fills runs empty by and by, as its entries grow old.
_EMPTIES_MS = 3_000
#: Two findings that begin closer together than this may have begun in any order.
_CLEARLY_BEFORE_MS = 1_500


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
    reported: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)

    def began_ms(self, ref: str) -> int:
        """When trouble began at an entity, or at all where it shows none; information may be much older."""
        serious = [one for one in self.findings if one.severity != "info" and one.active]
        near = [one.started_ms for one in serious if ref in ends(one, self.wiring)]
        return min(near or (one.started_ms for one in serious), default=0)

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
            return self._around(self.wiring.needed_by(ref), CALLING)
        if where is Where.NEEDS:
            return self._around(self.wiring.needs(ref), CALLING)
        if where is Where.CALLS:
            return self.reported.get(ref, ())
        return self._around(self.wiring.needs(ref), frozenset({EdgeKind.RUNS_ON}))

    def changed(self, ref: str) -> Iterator[Change]:
        """Yield what was changed at an entity, the latest first."""
        return (change for change in reversed(self.changes) if self.wiring.fold(change.entity.ref) == ref)

    def is_changed(self, ref: str) -> bool:
        """Whether an entity was changed, as somebody reported or as only its telemetry tells."""
        if any(True for _ in self.changed(ref)):
            return True
        return any(one.aspect is Aspect.CONFIGURATION and one.direction is Direction.NEW for one in self.own(ref))

    def complaints(self, ref: str) -> list[Finding]:
        """Return what those who call an entity find wrong with that; that they call it more or less is no complaint."""
        return [finding for finding in self.callers(ref) if finding.aspect is not Aspect.TRAFFIC]

    def complaining(self, ref: str) -> list[str]:
        """Return who reports trouble with calls to an entity."""
        return list(dict.fromkeys(self.wiring.fold(finding.entity.ref) for finding in self.complaints(ref)))

    def troubled_needs(self, ref: str) -> list[str]:
        """Return what an entity calls, directly or not, that is in trouble.

        When the entity itself was just changed, or is at its own limits, and nobody else complains, the trouble may
        well be its own.
        """
        changed = self.is_changed(ref)
        return [
            below
            for below in self.wiring.below(ref)
            if self.wiring.entity(below).kind not in HOSTS
            and self._is_troubled(below, {ref} if changed or self.strain(ref, below) else set())
        ]

    def strain(self, caller: str, called: str) -> Finding | None:
        """Return why a complaint may be the caller's own doing: too busy to hear an answer, or out of connections."""
        return next((one for one in self.own(caller) if _burns(one)), None) or self._ran_dry(caller, called)

    def _ran_dry(self, caller: str, called: str) -> Finding | None:
        """Return the finding that a caller was out of connections before it complained about what it calls.

        What answers slowly fills its callers' pools as well, but then the slowness comes first, or others meet it
        too; and what answers not at all shows that by itself, if it is watched.
        """
        dry = [one for one in self.own(caller) if one.aspect is Aspect.POOL and one.severity != "info" and one.active]
        complaints = [one for one in self.complaints(called) if self.wiring.fold(one.entity.ref) == caller]
        if called not in self.watched or not dry or not complaints:
            return None
        first = min(dry, key=self._first_ms)
        ahead_ms = 0 if self.content(called) else _CLEARLY_BEFORE_MS
        return first if self._first_ms(first) + ahead_ms <= min(map(self._first_ms, complaints)) else None

    def _first_ms(self, finding: Finding) -> int:
        """When a finding began at first: one that ended for a moment, as an act eased it, is no younger for that."""
        return min((finding.started_ms, *self.begun.get(finding.key, ())))

    def content(self, ref: str) -> list[str]:
        """Return who calls an entity and has no trouble with it."""
        complaining = self.complaining(ref)
        callers = (other for other, kind in self.wiring.needed_by(ref).items() if kind in CALLING)
        return [other for other in callers if other not in complaining]

    def trouble_before(self, finding: Finding) -> Finding | None:
        """Return what was wrong with a caller of a cache so long before it answered little that it is the reason."""
        here = self.wiring.fold(finding.entity.ref)
        callers = (other for other, kind in self.wiring.needed_by(here).items() if kind in CALLING)
        theirs = (one for other in callers for one in (*self.own(other), *self.reported.get(other, ())))
        until_ms = finding.started_ms - _EMPTIES_MS
        felt = (one for one in theirs if one.aspect in _FELT_BY_CALLERS and one.severity != "info" and one.active)
        return next((one for one in felt if one.started_ms <= until_ms), None)

    def _is_consequence(self, finding: Finding) -> bool:
        """Whether a cache answers little because its callers fetch nothing that would fill it."""
        return finding.aspect is Aspect.CACHE and self.trouble_before(finding) is not None

    def _is_troubled(self, ref: str, distrusted: set[str]) -> bool:
        if any(is_trouble(finding) and not self._is_consequence(finding) for finding in self.own(ref)):
            return True
        return any(
            is_trouble(finding) and self.wiring.fold(finding.entity.ref) not in distrusted
            for finding in self.callers(ref)
        )

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
    reported: dict[str, list[Finding]] = {}
    kept = tuple(findings)
    for finding in kept:
        if finding.peer is None:
            at.setdefault(wiring.fold(finding.entity.ref), []).append(finding)
        else:
            about.setdefault(wiring.fold(finding.peer.ref), []).append(finding)
            reported.setdefault(wiring.fold(finding.entity.ref), []).append(finding)
    return Scene(
        wiring,
        kept,
        tuple(changes),
        watched,
        begun,
        {ref: tuple(found) for ref, found in at.items()},
        {ref: tuple(found) for ref, found in about.items()},
        {ref: tuple(found) for ref, found in reported.items()},
    )


def ends(finding: Finding, wiring: Wiring) -> tuple[str, ...]:
    """Return the entities that a finding is about: its own, and the other end of a call."""
    own = wiring.fold(finding.entity.ref)
    return (own,) if finding.peer is None else (own, wiring.fold(finding.peer.ref))


def is_trouble(finding: Finding) -> bool:
    """Whether a finding says that something is wrong, and not only that more or less is asked for."""
    return finding.severity != "info" and finding.aspect is not Aspect.TRAFFIC


def _burns(finding: Finding) -> bool:
    """Whether its entity has no processor time left to hear an answer in time."""
    return finding.aspect is Aspect.CPU and finding.direction is Direction.HIGH and finding.severity != "info"
