"""What the loop is told of services: entities, edges, and a finding for each thing that is not as it should be."""

from __future__ import annotations

import math
from collections.abc import Mapping

from steersman.model.changes import Change, ChangeKind
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.topology import Edge, EdgeKind
from steersman.services.workloads.logic.health import LOOP_WINDOW_MS, in_crash_loop, recent_exits
from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.replicas import TIMED_OUT, UNANSWERED, Condition, Replica
from steersman.services.workloads.model.versions import Shift, TrackKind, Version

_AVAILABLE = "steersman_services_healthy"
_PROCESSOR = "steersman_services_cpu_seconds_total"
#: Who takes a whole core and answers nobody computes in circles; who hangs takes nothing.
_BUSY_CORES = 0.8
_MOST_OF_IT = 0.8
#: SHA-256 in hexadecimal; a person compares its beginning.
_DIGEST_LENGTH = 64
_RESTARTS = "steersman_services_exits_total"


def service_entity(name: str, definition: ServiceDefinition | None = None) -> Entity:
    """Return the entity of a service, with what its owner says of it."""
    if definition is None:
        return Entity(EntityKind.SERVICE, name)
    labels = {**definition.labels, "self_healing": str(definition.self_healing).lower()}
    if definition.data_directory is not None:
        labels["data_directory"] = definition.data_directory
    return Entity(EntityKind.SERVICE, name, tuple(sorted(labels.items())))


def replica_entity(replica: Replica) -> Entity:
    return Entity(EntityKind.PROCESS, replica.name)


def landscape(
    definitions: Mapping[str, ServiceDefinition], counts: Mapping[str, int], host: Entity, now_ms: int
) -> tuple[list[Entity], list[Edge]]:
    """Return every service and replica with what it needs; all of it is declared."""
    services = {name: service_entity(name, definition) for name, definition in definitions.items()}
    entities, edges = [host, *services.values()], []
    for name, definition in definitions.items():
        here = services[name]
        edges.append(Edge(EdgeKind.RUNS_ON, here, host, now_ms, declared=True))
        edges += [
            Edge(EdgeKind.DEPENDS_ON, here, services[needed], now_ms, declared=True) for needed in definition.depends_on
        ]
        for number in range(counts[name]):
            process = replica_entity(Replica(service=name, number=number))
            entities.append(process)
            edges.append(Edge(EdgeKind.OWNS, here, process, now_ms, declared=True))
    return entities, edges


def findings_of(replica: Replica, condition: Condition, now_ms: int, *, cores: int) -> list[Finding]:
    """Return what is wrong with a replica now; each thing has the same key every time.

    That it takes most of the machine's `cores` is not wrong in itself; it explains why others suffer.
    """
    found = []
    if condition is Condition.GONE:
        found.append(_gone(replica, now_ms))
    elif condition is Condition.UNHEALTHY:
        found.append(_silent(replica, now_ms))
        if _is_busy(replica):
            found.append(_busy(replica, now_ms))
    elif replica.usage.cores >= _MOST_OF_IT * cores:
        found.append(_hungry(replica, cores, now_ms))
    if in_crash_loop(replica, now_ms):
        found.append(_looping(replica, now_ms))
    return found


_CHANGES = {
    TrackKind.RELEASE: ChangeKind.DEPLOY,
    TrackKind.CONFIG: ChangeKind.CONFIG,
    TrackKind.KNOB: ChangeKind.KNOB,
}


def change_of(shift: Shift, now_ms: int) -> Change:
    """Say that a service was given another release, configuration or knob setting."""
    track, after = shift.track, shift.after
    before, now = _shown(shift.before), _shown(after)
    thing = f"{track.kind} {track.name}".strip()
    return Change(
        id=f"{track.service}:{track.key}:{after.since_ms}:{now}",
        time_ms=min(after.since_ms, now_ms),
        entity=service_entity(track.service),
        kind=_CHANGES[track.kind],
        summary=f"the {thing} of {track.service} went from {before} to {now}",
        actor=after.by,
        details={"from": before, "to": now, "what": track.name},
    )


def _shown(version: Version) -> str:
    return version.value[:12] if len(version.value) == _DIGEST_LENGTH else version.value


def _gone(replica: Replica, now_ms: int) -> Finding:
    ended = replica.last_exit
    how = ended.reason if ended else "does not run"
    return Finding(
        key=f"workloads:gone:{replica.name}",
        entity=service_entity(replica.service),
        aspect=Aspect.AVAILABILITY,
        direction=Direction.GONE,
        source=FindingSource.HEALTH,
        severity="critical",
        started_ms=ended.time_ms if ended else now_ms,
        seen_ms=now_ms,
        reason=f"the process of {replica.name} {how}",
        value=0.0,
        expected=1.0,
        signal=_AVAILABLE,
        suggests=frozenset({CauseKind.CRASH}),
    )


def _silent(replica: Replica, now_ms: int) -> Finding:
    answering, usage = replica.answering, replica.usage
    stopped = " and is stopped in its tracks" if usage.state in {"T", "t"} else ""
    pid = replica.identity.pid if replica.identity else 0
    return Finding(
        key=f"workloads:silent:{replica.name}",
        entity=service_entity(replica.service),
        aspect=Aspect.AVAILABILITY,
        direction=Direction.LOW,
        source=FindingSource.HEALTH,
        severity="critical",
        started_ms=now_ms,
        seen_ms=now_ms,
        reason=f"{replica.name} runs (process {pid}){stopped} but fails its health check: {answering.reason}",
        value=0.0,
        expected=1.0,
        signal=_AVAILABLE,
        suggests=frozenset({CauseKind.HANG} if answering.reason in UNANSWERED and not _is_busy(replica) else ()),
    )


def _is_busy(replica: Replica) -> bool:
    return replica.answering.reason == TIMED_OUT and replica.usage.cores >= _BUSY_CORES


def _busy(replica: Replica, now_ms: int) -> Finding:
    cores = replica.usage.cores
    return Finding(
        key=f"workloads:busy:{replica.name}",
        entity=service_entity(replica.service),
        aspect=Aspect.CPU,
        direction=Direction.HIGH,
        source=FindingSource.HEALTH,
        severity="critical",
        started_ms=now_ms,
        seen_ms=now_ms,
        reason=f"{replica.name} keeps {math.ceil(cores - 0.2)} cores busy and answers no health check",
        value=cores,
        signal=_PROCESSOR,
        suggests=frozenset({CauseKind.CPU_SATURATION}),
    )


def _hungry(replica: Replica, cores: int, now_ms: int) -> Finding:
    return Finding(
        key=f"workloads:hungry:{replica.name}",
        entity=service_entity(replica.service),
        aspect=Aspect.CPU,
        direction=Direction.HIGH,
        source=FindingSource.HEALTH,
        severity="info",
        started_ms=now_ms,
        seen_ms=now_ms,
        reason=f"the processes of {replica.name} keep nearly all {cores} cores busy",
        value=replica.usage.cores,
        signal=_PROCESSOR,
    )


def _looping(replica: Replica, now_ms: int) -> Finding:
    count = recent_exits(replica, now_ms)
    return Finding(
        key=f"workloads:looping:{replica.name}",
        entity=service_entity(replica.service),
        aspect=Aspect.RESTARTS,
        direction=Direction.HIGH,
        source=FindingSource.HEALTH,
        severity="critical",
        started_ms=now_ms,
        seen_ms=now_ms,
        reason=f"{replica.name} ended {count} times in {LOOP_WINDOW_MS // 1000} s",
        value=float(count),
        expected=0.0,
        signal=_RESTARTS,
        suggests=frozenset({CauseKind.CRASH_LOOP}),
    )
