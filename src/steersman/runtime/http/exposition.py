"""`/metrics`: every declared signal with its help and type, also while nothing has been measured.

The text formats themselves are prometheus_client's. A service whose measuring fails loses its values, not
everybody's: the failure is a signal of its own and a line in the log.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from steersman.contract.service import Buckets, Measurement, Service, Signal, SignalKind
from steersman.runtime.house import ITSELF, House

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = structlog.get_logger(__name__)

FAILURES = Signal(
    name="steersman_measure_failures_total",
    kind=SignalKind.COUNTER,
    help="Times that a service failed to measure its own signals.",
    labels=("service",),
    healthy=(0, 0),
)


class Exposition:
    """Measures the whole house on each call."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._failures = dict.fromkeys((service.name for service in house.services), 0)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the text and its content type, in the format that the reader prefers."""
        encode, content_type = choose_encoder(accept)
        return encode(self), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield all families; prometheus_client calls this."""
        for service in self._house.services:
            yield from self._families_of(service)
        failures = [Measurement(FAILURES.name, float(count), (name,)) for name, count in self._failures.items()]
        yield from families((FAILURES,), failures)

    def _families_of(self, service: Service) -> Sequence[Metric]:
        if not self._house.started(service):
            return families(service.signals, ())
        try:
            return families(service.signals, service.measure(self._house.context(service, ITSELF)))
        except Exception as error:  # noqa: BLE001 - a plug-in that cannot measure must not blind the others
            self._failures[service.name] += 1
            _log.error("a service failed to measure its signals", service=service.name, exc_info=error)
            return families(service.signals, ())


def families(signals: Sequence[Signal], measured: Iterable[Measurement]) -> list[Metric]:
    """Turn declared signals and their values into metric families; a value nobody declared is a defect."""
    by_name: Mapping[str, Metric] = {signal.name: _family(signal) for signal in signals}
    labels = {signal.name: signal.labels for signal in signals}
    for one in measured:
        if one.signal not in by_name:
            raise KeyError(f"{one.signal} is measured but not declared")
        _add(by_name[one.signal], labels[one.signal], one)
    return list(by_name.values())


def _family(signal: Signal) -> Metric:
    kinds: dict[SignalKind, type[Any]] = {
        SignalKind.COUNTER: CounterMetricFamily,
        SignalKind.GAUGE: GaugeMetricFamily,
        SignalKind.HISTOGRAM: HistogramMetricFamily,
    }
    stem = signal.name.removesuffix("_total") if signal.kind is SignalKind.COUNTER else signal.name
    # OpenMetrics wants the unit at the end of the name; a ratio or a plain count has none.
    unit = signal.unit if signal.unit and stem.endswith(f"_{signal.unit}") else ""
    family: Metric = kinds[signal.kind](stem, signal.help, labels=signal.labels, unit=unit)
    return family


def _add(family: Metric, names: tuple[str, ...], one: Measurement) -> None:
    if len(names) != len(one.labels):
        raise ValueError(f"{one.signal} has the labels {names}, and was measured with {one.labels}")
    if isinstance(one.value, Buckets):
        buckets = [
            ("+Inf" if bound == math.inf else repr(float(bound)), float(count)) for bound, count in one.value.counts
        ]
        family.add_metric(one.labels, buckets, one.value.sum)  # type: ignore[attr-defined]
    else:
        family.add_metric(one.labels, one.value)  # type: ignore[attr-defined]
