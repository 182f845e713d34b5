"""What to recommend: knobs nobody tried lately, and what is far larger than what it does. Each with its numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from steersman.services.optimizer.model import wire

_HOURS = 3_600.0
#: After fewer replicas each of the others does more: so much of its core it may use then.
_TARGET = 0.5
#: What a process needs above its highest use in a week.
_HEADROOM = 1.5


@dataclass(frozen=True, slots=True)
class Idle:
    """What a service used at most in `days`: cores of one replica, and bytes of one replica with its limit."""

    service: str
    replicas: int
    days: float
    peak_cores: float | None
    peak_bytes: float | None
    limit_bytes: float | None


@dataclass(frozen=True, slots=True)
class KnobFacts:
    """A knob that could be tried: where it stands and what its guard shows now."""

    service: str
    knob: str
    help: str
    value: float
    low: float
    high: float
    step: float
    cooldown_seconds: float
    guard: str
    guard_now: float | None


def recommendation_id(kind: str, service: str, subject: str) -> str:
    """Return an id that stays the same while the same thing is recommended."""
    return f"{kind}-{hashlib.sha256(f'{service}/{subject}'.encode()).hexdigest()[:12]}"


def of_knob(facts: KnobFacts) -> wire.Recommendation | None:
    """Recommend an experiment with a knob whose guard is measured and that has room to turn."""
    up, down = facts.value + facts.step <= facts.high, facts.value - facts.step >= facts.low
    if facts.guard_now is None or not (up or down):
        return None
    seconds = max(60.0, facts.cooldown_seconds)
    target = facts.value + facts.step if up else facts.value - facts.step
    return wire.Recommendation(
        id=recommendation_id("try_knob", facts.service, facts.knob),
        kind="try_knob",
        service=facts.service,
        subject=facts.knob,
        title=f"try {facts.knob} of {facts.service} at {target:g} instead of {facts.value:g}",
        why=f"{facts.help} Nobody has measured lately whether another value is better here.",
        evidence=[f"it stands at {facts.value:g}, between {facts.low:g} and {facts.high:g}",
                  f"its guard {facts.guard} shows {facts.guard_now:.4g}"],
        expected_gain="unknown: the experiment measures it, and keeps the turn only if it gains",
        cost=f"{12 * seconds / _HOURS:.1f} hours in which the knob goes to and fro",
        risk="reversible",
        applies="starts a guarded experiment",
        target=target,
        direction="up" if up else "down",
    )  # fmt: skip


def of_idle(idle: Idle, idle_share: float) -> list[wire.Recommendation]:
    """Recommend fewer replicas or less memory, where a day of figures at least says so."""
    found: list[wire.Recommendation] = []
    if idle.days < 1.0:
        return found
    since = f"in {idle.days:.1f} days"
    if idle.peak_cores is not None and idle.replicas > 1 and idle.peak_cores < idle_share:
        wanted = max(1, math.ceil(idle.replicas * idle.peak_cores / _TARGET))
        if wanted < idle.replicas:
            found.append(_fewer(idle, wanted, since))
    if idle.peak_bytes and idle.limit_bytes and idle.peak_bytes < idle_share * idle.limit_bytes:
        found.append(_less_memory(idle, since))
    return found


def _fewer(idle: Idle, wanted: int, since: str) -> wire.Recommendation:
    # One at a time: what others need of the service is not in its CPU time alone.
    target = max(wanted, idle.replicas - 1)
    return wire.Recommendation(
        id=recommendation_id("fewer_replicas", idle.service, "replicas"),
        kind="fewer_replicas",
        service=idle.service,
        subject="replicas",
        title=f"run {idle.service} with {target} replicas instead of {idle.replicas}",
        why="its replicas hardly use their CPU, also at the busiest hour",
        evidence=[f"the busiest replica used {idle.peak_cores:.2f} cores at most {since}"],
        expected_gain=f"{idle.replicas - target} replica less; by CPU alone {wanted} would do",
        cost="less is left when a replica fails",
        risk="reversible",
        applies="scales the service, where an installed action can",
        target=float(target),
    )


def _less_memory(idle: Idle, since: str) -> wire.Recommendation:
    peak, limit = idle.peak_bytes or 0.0, idle.limit_bytes or 0.0
    target = _HEADROOM * peak
    return wire.Recommendation(
        id=recommendation_id("less_memory", idle.service, "memory"),
        kind="less_memory",
        service=idle.service,
        subject="memory",
        title=f"limit {idle.service} to {target / 2**20:.0f} MiB instead of {limit / 2**20:.0f} MiB",
        why="it uses a small part of the memory that is kept for it",
        evidence=[f"its largest replica had {peak / 2**20:.0f} MiB at most {since}"],
        expected_gain=f"{(limit - target) / 2**20:.0f} MiB for each of {idle.replicas} replicas",
        cost="a rare peak that was not seen yet would be refused",
        risk="by_hand",
        applies=None,
        target=target,
    )


def merged(
    found: Sequence[wire.Recommendation], known: Sequence[wire.Recommendation], now_ms: int, silence_ms: int
) -> list[wire.Recommendation]:
    """Return what to store: what was answered by a person stays answered until `silence_ms` later."""
    before = {one.id: one for one in known}
    kept = []
    for one in found:
        old = before.get(one.id)
        if old is not None and old.state != wire.RecommendationState.OPEN and now_ms - old.updated_ms < silence_ms:
            continue
        fresh = old.updated_ms if old is not None and old.state == wire.RecommendationState.OPEN else now_ms
        kept.append(one.model_copy(update={"updated_ms": fresh}))
    return kept
