"""How a replica is doing, from what was seen of it. Every rule about patience stands here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steersman.services.workloads.model.definition import ServiceDefinition
from steersman.services.workloads.model.replicas import Answering, Condition, Replica

#: Without a health check, a replica that lived this long counts as started.
SETTLED_MS = 2_000
#: So many unwanted ends within so long are a crash loop; it is over when a replica lived through the window's half.
LOOP_EXITS = 3
LOOP_WINDOW_MS = 120_000


def with_probe(before: Answering, reason: str, now_ms: int) -> Answering:
    """Fold one health check; an empty reason is an answer."""
    if not reason:
        return Answering(failures=0, ever=True, checked_ms=now_ms)
    return replace(before, failures=before.failures + 1, checked_ms=now_ms, reason=reason)


def condition(replica: Replica, definition: ServiceDefinition, now_ms: int) -> Condition:
    """Judge a replica now."""
    if replica.identity is None:
        if not replica.wanted or replica.moving:
            return Condition.STOPPED
        # Before its first start it waits for its turn: the platform itself has just begun.
        first = replica.waiting or not (replica.starts or replica.last_exit)
        return Condition.STARTING if first else Condition.GONE
    if not replica.wanted:
        return Condition.STOPPED
    age = now_ms - replica.started_ms
    if definition.health is None:
        return Condition.HEALTHY if age >= SETTLED_MS else Condition.STARTING
    if replica.answering.failures >= definition.health.failures:
        late = replica.answering.ever or age >= definition.start_seconds * 1000
        return Condition.UNHEALTHY if late else Condition.STARTING
    return Condition.HEALTHY if replica.answering.ever else Condition.STARTING


def recent_exits(replica: Replica, now_ms: int) -> int:
    """Count the unwanted ends inside the window of a crash loop."""
    return sum(1 for at in replica.exits_ms if at > now_ms - LOOP_WINDOW_MS)


def in_crash_loop(replica: Replica, now_ms: int) -> bool:
    """Tell whether it ended so often that another start will hardly help."""
    if recent_exits(replica, now_ms) < LOOP_EXITS:
        return False
    stable = replica.identity is not None and now_ms - replica.started_ms >= LOOP_WINDOW_MS // 2
    return not stable


def healthy_share(conditions: Sequence[Condition]) -> float:
    """Return the share of the replicas that should run and are well or on their way; 1 when none should."""
    wanted = [one for one in conditions if one is not Condition.STOPPED]
    well = [one for one in wanted if one in {Condition.HEALTHY, Condition.STARTING}]
    return len(well) / len(wanted) if wanted else 1.0
