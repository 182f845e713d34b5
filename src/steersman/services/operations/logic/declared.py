"""Findings from what services declare: signals outside their range, checks that are not ready, broken invariants.

Pure: measurements in, findings out. A signal has to be outside twice in a row, because one odd reading is no state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from steersman.contract.ports import JournalEntry
from steersman.contract.service import Health, Invariant, Measurement, Service, Signal
from steersman.model.changes import Change, ChangeKind
from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource

_PLATFORM = Entity(EntityKind.PLATFORM, "steersman")
_TIMES_IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class Watched:
    """What was outside at the last look: how often in a row by key, and the findings that were told."""

    outside: Mapping[str, int] = field(default_factory=dict)
    told: Mapping[str, Finding] = field(default_factory=dict)


def settle(before: Watched, seen: Iterable[Finding], now_ms: int) -> tuple[Watched, tuple[Finding, ...]]:
    """Compare a look with the last one; returns what to remember and the findings that began, go on or ended."""
    looks = {finding.key: finding for finding in seen}
    outside = {key: before.outside.get(key, 0) + 1 for key in looks}
    told: dict[str, Finding] = {}
    for key, finding in looks.items():
        at_once = finding.source is not FindingSource.THRESHOLD
        if key in before.told:
            told[key] = replace(finding, started_ms=before.told[key].started_ms)
        elif at_once or outside[key] >= _TIMES_IN_A_ROW:
            told[key] = finding
    ended = [replace(old, seen_ms=now_ms, ended_ms=now_ms) for key, old in before.told.items() if key not in looks]
    return Watched(outside, told), (*told.values(), *ended)


def outside_signals(service: Service, measured: Iterable[Measurement], now_ms: int) -> Iterator[Finding]:
    """Yield a finding for each measurement that is outside the healthy range of its signal."""
    ranges = {signal.name: signal for signal in service.signals if signal.healthy is not None}
    for one in measured:
        signal = ranges.get(one.signal)
        if signal is not None and isinstance(one.value, float | int):
            yield from _outside(signal, one, float(one.value), now_ms)


def _outside(signal: Signal, one: Measurement, value: float, now_ms: int) -> Iterator[Finding]:
    low, high = signal.healthy or (None, None)
    below, above = low is not None and value < low, high is not None and value > high
    if not below and not above:
        return
    labels = dict(zip(signal.labels, one.labels, strict=False))
    text = signal.name + (f"{{{','.join(f'{name}={labels[name]!r}' for name in labels)}}}" if labels else "")
    bound = low if below else high
    yield Finding(
        key=f"threshold:{text}",
        entity=_entity(signal, labels),
        aspect=signal.aspect,
        direction=Direction.LOW if below else Direction.HIGH,
        source=FindingSource.THRESHOLD,
        severity="warning",
        started_ms=now_ms,
        seen_ms=now_ms,
        value=value,
        expected=bound,
        signal=text,
        reason=f"{text} is {value:g} {signal.unit}".rstrip() + f", and healthy is {_range(low, high)}",
        suggests=signal.suggests,
    )


def _entity(signal: Signal, labels: Mapping[str, str]) -> Entity:
    name = labels.get(signal.identified_by, "")
    return Entity(signal.entity, name) if name else _PLATFORM


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def unready(checks: Iterable[Health], now_ms: int) -> Iterator[Finding]:
    """Yield a finding for each check of a service that says it cannot serve."""
    for check in checks:
        if not check.ready:
            yield Finding(
                key=f"health:steersman:{check.name}",
                entity=_PLATFORM,
                aspect=Aspect.AVAILABILITY,
                direction=Direction.GONE,
                source=FindingSource.HEALTH,
                severity="critical",
                started_ms=now_ms,
                seen_ms=now_ms,
                signal=f'steersman_service_ready{{check="{check.name}"}}',
                reason=f"{check.name} cannot serve: {check.detail or 'it gives no reason'}",
            )


def violated(service: Service, invariant: Invariant, violation: str, now_ms: int) -> Finding:
    """Return the finding of an invariant that does not hold."""
    return Finding(
        key=f"invariant:{service.name}.{invariant.name}",
        entity=_PLATFORM,
        aspect=Aspect.INTEGRITY,
        direction=Direction.NEW,
        source=FindingSource.INVARIANT,
        severity=invariant.severity,
        started_ms=now_ms,
        seen_ms=now_ms,
        signal=f"{service.name}.{invariant.name}",
        reason=f"{invariant.help} It does not hold: {violation}",
        suggests=invariant.suggests,
    )


def turned(entry: JournalEntry) -> Change | None:
    """Return the change that a journal entry tells of, if it tells of a knob."""
    if entry.type != "knob.turned":
        return None
    before, after = (f"{entry.payload[end]:g}" for end in ("from", "to"))
    return Change(
        id=entry.id,
        time_ms=entry.time_ns // 1_000_000,
        entity=_PLATFORM,
        kind=ChangeKind.KNOB,
        summary=f"the knob {entry.subject} went from {before} to {after}",
        actor=entry.actor,
        details={"from": before, "to": after, "what": entry.subject},
    )
