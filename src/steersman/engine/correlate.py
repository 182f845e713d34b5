"""Which incident a finding belongs to: one cause, one incident, by dependency and time and not by label alone.

Trouble travels from the needed to the one who needs. So a finding joins an incident whose root it needs (it is a
victim), or one that it could explain (it is deeper). What explains itself, like a full disk, stays apart from what
explains itself elsewhere: two faults at once are two incidents.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from steersman.engine.loop_wiring import Wiring
from steersman.model.entities import CauseKind, EntityKind
from steersman.model.findings import Aspect, Direction, Finding
from steersman.model.ids import Id


class Depth(IntEnum):
    """How much a finding explains by itself."""

    SYMPTOM = 0  # a victim shows it as well
    OWN = 1  # something of its own, which trouble below may still bring about
    PLAIN = 2  # nothing elsewhere brings it about


_SYMPTOMS = frozenset(
    {
        Aspect.ERRORS,
        Aspect.LATENCY,
        Aspect.TRAFFIC,
        Aspect.PROGRESS,
        Aspect.QUEUE,
        Aspect.THREADS,
        Aspect.LOG_PATTERN,
        Aspect.LOG_VOLUME,
        Aspect.RESTARTS,
        Aspect.OTHER,
    }
)
_PLAIN = frozenset(
    {Aspect.DISK, Aspect.CERTIFICATE, Aspect.CLOCK, Aspect.CONFIGURATION, Aspect.INTEGRITY, Aspect.ACCESS}
)
#: What callers feel of an entity that they need.
_FELT = frozenset(
    {
        Aspect.AVAILABILITY,
        Aspect.ERRORS,
        Aspect.LATENCY,
        Aspect.POOL,
        Aspect.LOCK,
        Aspect.CPU,
        Aspect.NETWORK,
        Aspect.CACHE,
    }
)
_SCARCE_MACHINE = frozenset({Aspect.CPU, Aspect.MEMORY, Aspect.DISK, Aspect.NETWORK})
#: What never explains anything else.
_NO_REASON = frozenset({Aspect.TRAFFIC, Aspect.SOURCE})
_ENDED_BY_ITSELF = frozenset({CauseKind.CRASH, CauseKind.CRASH_LOOP})
#: Silence that begins within so long of another is the same silence.
_AT_ONCE_MS = 15_000
_FAR = 9
_LESS = frozenset({Direction.LOW, Direction.STUCK, Direction.GONE})
_MACHINES = frozenset({EntityKind.HOST, EntityKind.NODE})


@dataclass(frozen=True, slots=True)
class Group:
    """An open incident as correlation sees it: its findings that are active and serious, and where they are."""

    id: Id
    opened_ms: int
    joined_ms: int
    entities: frozenset[str]
    findings: tuple[Finding, ...]
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a finding belongs: the incident it joins (None for a new one), and those that it shows to be the same."""

    joins: Id | None = None
    merges: tuple[Id, ...] = ()
    why: str = ""


def place_of(finding: Finding, wiring: Wiring) -> str:
    """Return where the trouble is that a finding tells of: one about a call is about the one who is called."""
    return wiring.fold((finding.peer or finding.entity).ref)


def touched(finding: Finding, wiring: Wiring) -> tuple[str, ...]:
    """Return the entities that a finding is about."""
    ends = [finding.entity] if finding.peer is None else [finding.entity, finding.peer]
    return tuple(wiring.fold(end.ref) for end in ends)


def depth(finding: Finding) -> Depth:
    """Say how much a finding explains by itself."""
    if finding.aspect in _PLAIN or (finding.aspect is Aspect.OTHER and finding.suggests):
        return Depth.PLAIN
    if finding.aspect is Aspect.AVAILABILITY and not _ENDED_BY_ITSELF.isdisjoint(finding.suggests):
        return Depth.PLAIN
    return Depth.SYMPTOM if finding.aspect in _SYMPTOMS else Depth.OWN


def place(
    finding: Finding,
    groups: Sequence[Group],
    wiring: Wiring,
    together_ms: int,
    crowded: frozenset[str] = frozenset(),
) -> Placement:
    """Decide which of the open incidents a finding joins, if any. `crowded` are machines that have no time left."""
    kin = [(_kinship(finding, group, wiring, together_ms, crowded), group) for group in groups]
    near = [(kinship, group) for kinship, group in kin if kinship is not None]
    if not near:
        return Placement()
    near.sort(key=lambda pair: (pair[0].distance, pair[1].opened_ms, pair[1].id))
    kinship, first = near[0]
    same = [group for kin, group in near if kin.explains] if kinship.explains else []
    if len(same) > 1:
        oldest = min(same, key=lambda group: (group.opened_ms, group.id))
        others = tuple(group.id for group in same if group.id != oldest.id)
        return Placement(oldest.id, others, kinship.why)
    return Placement(first.id, (), kinship.why)


@dataclass(frozen=True, slots=True)
class _Kinship:
    """Why a finding belongs to an incident; `explains` when it may be the root that the incident had been lacking."""

    distance: int
    why: str
    explains: bool = False


def _kinship(
    finding: Finding, group: Group, wiring: Wiring, together_ms: int, crowded: frozenset[str]
) -> _Kinship | None:
    at = place_of(finding, wiring)
    if at in group.entities and (finding.peer is None or at in _places(group, wiring)):
        return _Kinship(0, "it is the same entity")
    silent = [one.aspect is Aspect.SOURCE for one in group.findings]
    if finding.aspect is Aspect.SOURCE or all(silent):
        # Silence explains nothing, but several that fall silent together do so for one reason.
        at_once = (
            finding.aspect is Aspect.SOURCE and all(silent) and finding.started_ms <= group.joined_ms + _AT_ONCE_MS
        )
        return _Kinship(_FAR, "telemetry is missing from several at once") if at_once else None
    roots = roots_of(group.findings, wiring)
    own, is_changed = depth(finding), at in group.changed
    root_depth = max((depth(one) for one in group.findings if place_of(one, wiring) in roots), default=Depth.SYMPTOM)
    explained = root_depth > Depth.SYMPTOM or not group.changed.isdisjoint(roots)
    above, below = wiring.above(at), wiring.below(at)
    failing = {place_of(one, wiring) for one in group.findings if one.aspect in {Aspect.AVAILABILITY, Aspect.ERRORS}}
    felt = frozenset(place_of(one, wiring) for one in group.findings if _is_felt(one, finding, together_ms))
    victim = min(
        (below[root] for root in roots if root in below and _suffers(finding, root, felt, is_changed)), default=None
    )
    if victim is not None:
        return _Kinship(victim, "it needs what is in trouble")
    if finding.started_ms > group.joined_ms + together_ms:
        return None
    if _is_guest_of(at, roots, wiring) and (own < Depth.PLAIN or root_depth < Depth.PLAIN):
        return _Kinship(1, "it is on the same machine as what is in trouble there")
    starved = finding.aspect is Aspect.PROGRESS and finding.direction in _LESS
    if starved and any(root in above and root in failing for root in roots):
        return _Kinship(_FAR, "less reaches it from what is in trouble")
    deeper = None
    if not explained or finding.aspect in _FELT or root_depth is Depth.SYMPTOM:
        deeper = _deeper(own, root_depth, above, group, roots, explained=explained)
    return deeper or _neighbour(finding, group, wiring, crowded, roots) or _behind_cache(finding, group, wiring)


def _is_felt(root: Finding, finding: Finding, together_ms: int) -> bool:
    """Whether those who need an entity feel what a finding says of it.

    What a machine shows is felt by everything on it, so it has to be recent, and scarce rather than gone: services
    whose telemetry arrives have a machine to run on.
    """
    if root.entity.kind not in _MACHINES:
        return root.aspect in _FELT
    recent = abs(finding.started_ms - root.started_ms) <= together_ms
    scarce = root.aspect in _SCARCE_MACHINE or Aspect.AVAILABILITY is root.aspect is finding.aspect
    return recent and scarce


def _suffers(finding: Finding, root: str, felt: frozenset[str], is_changed: bool) -> bool:  # noqa: FBT001 - a fact, not a switch
    """Whether trouble at a root explains a finding of somebody who needs it.

    What has a reason of its own, a change or a resource that ran out, needs to feel the trouble: a full disk whose
    owner serves on, or a queue that nobody waits for, hurts no caller.
    """
    own = depth(finding)
    if own is Depth.PLAIN:
        return False
    machine = root.partition(":")[0] in _MACHINES
    return root in felt or (own is Depth.SYMPTOM and not is_changed and not machine)


def _deeper(
    own: Depth,
    root_depth: Depth,
    above: Mapping[str, int],
    group: Group,
    roots: Iterable[str],
    *,
    explained: bool,
) -> _Kinship | None:
    """Whether what is wrong here may explain the incident: somebody in it needs this."""
    of_roots = min((above[root] for root in roots if root in above), default=None)
    if explained:
        if root_depth is Depth.SYMPTOM and own is Depth.PLAIN:
            return None  # the change above explains itself, and so does this
        # What already has its own explanation takes on what its root needs, unless that explains itself as well.
        if of_roots is None or (root_depth is Depth.PLAIN and own > Depth.SYMPTOM):
            return None
        return _Kinship(of_roots, "what is in trouble needs it")
    of_all = min((above[ref] for ref in group.entities if ref in above), default=None)
    return None if of_all is None else _Kinship(of_all, "what is in trouble needs it", explains=True)


def _neighbour(
    finding: Finding, group: Group, wiring: Wiring, crowded: frozenset[str], roots: Iterable[str]
) -> _Kinship | None:
    """Whether two that never call one another fight for a processor: one burns it, the other is slow for want of it."""
    machines = crowded.intersection(wiring.needs(place_of(finding, wiring)))
    if not any(machines.intersection(wiring.needs(root)) for root in roots):
        return None
    aspects = {one.aspect for one in group.findings}
    slow = Aspect.LATENCY in aspects and not aspects & {Aspect.AVAILABILITY, *_PLAIN}
    if finding.aspect is Aspect.CPU and slow:
        return _Kinship(5, "it burns the processor that the others lack", explains=True)
    if finding.aspect in _SYMPTOMS and Aspect.CPU in aspects:
        return _Kinship(5, "it lacks the processor that the other burns")
    return None


def _behind_cache(finding: Finding, group: Group, wiring: Wiring) -> _Kinship | None:
    """Whether one is a cache that no longer answers, and the other is read in its place by the same caller."""
    at = place_of(finding, wiring)
    for one in group.findings:
        other = place_of(one, wiring)
        if Aspect.CACHE in {finding.aspect, one.aspect} and set(wiring.needed_by(at)) & set(wiring.needed_by(other)):
            is_cache = finding.aspect is Aspect.CACHE
            return _Kinship(3, "reads that a cache does not answer go there", explains=is_cache)
    return None


def _is_guest_of(at: str, roots: Iterable[str], wiring: Wiring) -> bool:
    """Whether this is the machine on which a root runs, and so shares its processor and memory."""
    if wiring.entity(at).kind not in _MACHINES:
        return False
    return any(at in wiring.needs(root) for root in roots)


def roots_of(findings: Iterable[Finding], wiring: Wiring) -> tuple[str, ...]:
    """Return the deepest entities in trouble: those that need nothing that is in trouble too."""
    places = dict.fromkeys(
        place_of(finding, wiring) for finding in findings if finding.aspect not in _NO_REASON
    ) or dict.fromkeys(place_of(finding, wiring) for finding in findings)
    return tuple(
        ref
        for ref in places
        if not any(other in places and ref not in wiring.below(other) for other in wiring.below(ref) if other != ref)
    )


def _places(group: Group, wiring: Wiring) -> frozenset[str]:
    return frozenset(place_of(finding, wiring) for finding in group.findings)


#: What, of the platform, says that it does not see well: telemetry is missing, or it comes to nothing in time.
_SIGHT = frozenset({Aspect.SOURCE, Aspect.LATENCY})


def is_blind(findings: Iterable[Finding], sources: int, share: float) -> str:
    """Return why the loop cannot trust its eyes, or nothing.

    Telemetry that is missing from many sources at once, or the platform's own, says more about the loop than about
    them. So does everybody's silence while the platform itself is late. A source that the supervisor saw end is not
    missing.
    """
    lost: dict[str, None] = {}
    for finding in findings:
        if finding.aspect not in _SIGHT or not finding.active or finding.severity == "info":
            continue
        if finding.entity.kind is EntityKind.PLATFORM:
            return f"the loop is blind: {finding.reason}"
        if finding.aspect is not Aspect.SOURCE:
            continue
        lost[finding.entity.ref] = None
    if len(lost) >= 2 and len(lost) >= share * max(sources, len(lost)):
        return f"the loop is blind: telemetry is missing from {len(lost)} of {max(sources, len(lost))} sources"
    return ""
