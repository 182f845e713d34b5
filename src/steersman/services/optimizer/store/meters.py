"""Reads the guard of a knob: a signal that a service declares, at its source, or a supervised service's telemetry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from steersman.contract.ports import Ports
from steersman.contract.service import Buckets, Service, Signal, SignalKind
from steersman.model.errors import NotFound
from steersman.model.findings import Aspect
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp
from steersman.runtime.house import ITSELF, House
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.optimizer.logic.effect import Kind, Reading
from steersman.services.optimizer.store.turning import Turnable

_LOOKBACK_MS = 60_000
_SERVICE_LABELS = ("service", "service_name", "job")
#: More of these is better; of everything else less is.
_MORE_IS_BETTER = frozenset({Aspect.PROGRESS, Aspect.CACHE, Aspect.AVAILABILITY, Aspect.TRAFFIC})


@dataclass(frozen=True, slots=True)
class Meter:
    """What a guard is, and `read`, which returns None where nothing is told now."""

    kind: Kind
    lower_is_better: bool
    read: Callable[[], Reading | None]


def meter_of(ports: Ports, knob: Turnable) -> Meter:
    """Return what reads a knob's guard; raises `NotFound` where nothing does."""
    kinds: dict[SignalKind, Kind] = {SignalKind.COUNTER: "count", SignalKind.HISTOGRAM: "mean"}
    for owner in ports.get(House).services:
        for signal in owner.signals:
            if signal.name == knob.guard:
                read = partial(_declared, ports, owner, signal)
                return Meter(kinds.get(signal.kind, "level"), signal.aspect not in _MORE_IS_BETTER, read)
    read = partial(_latency, ports, knob.service, knob.guard)
    if read() is None:
        raise NotFound(f"the guard {knob.guard} of {knob.name} of {knob.service} is not measured")
    return Meter("mean", lower_is_better=True, read=read)


def _declared(ports: Ports, owner: Service, signal: Signal) -> Reading | None:
    """Read a declared signal, summed over its labels."""
    context = ports.get(House).context(owner, ITSELF)
    found = [one.value for one in owner.measure(context) if one.signal == signal.name]
    if not found:
        return None
    totals = [value.sum if isinstance(value, Buckets) else value for value in found]
    counts = [value.counts[-1][1] for value in found if isinstance(value, Buckets) and value.counts]
    return ports.clock.monotonic(), sum(totals), float(sum(counts))


def _latency(ports: Ports, service: str, metric: str) -> Reading | None:
    """Read how long a service's requests took in total, and how many there were."""
    for label in _SERVICE_LABELS:
        total, count = (_newest(ports, f"{metric}_{part}", label, service) for part in ("sum", "count"))
        if total is not None and count is not None:
            return ports.clock.monotonic(), total, count
    return None


def _newest(ports: Ports, metric: str, label: str, service: str) -> float | None:
    store, now_ms = ports.get(TelemetryStore), ports.clock.wall_ns() // 1_000_000
    matchers = [Matcher(METRIC_NAME, MatchOp.EQUAL, metric), Matcher(label, MatchOp.EQUAL, service)]
    found = store.queries.latest(DEFAULT_TENANT, matchers, now_ms, _LOOKBACK_MS)
    return float(found.values.sum()) if found.keys else None
