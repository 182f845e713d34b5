"""What services used at most in the last week, seen hour by hour in the telemetry store. It keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.ids import DEFAULT_TENANT
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp, decode_labels
from steersman.services.optimizer.logic.recommend import Idle

if TYPE_CHECKING:
    from steersman.runtime.telemetry.query import MetricQueries, Selection

_HOUR_MS = 3_600_000
_DAYS = 7
#: Long enough for any usual scraping, and short enough that an hour's look touches few samples.
_LOOKBACK_MS = 150_000
_SERVICE_LABELS = ("service", "service_name", "job")
_LIMITS = ("container_spec_memory_limit_bytes", "process_memory_limit_bytes")
_MOST_SERIES = 500

Replica = tuple[str, str]
#: By service and replica: values at whole hours, oldest first.
Hourly = dict[Replica, list[tuple[int, float]]]


def idle_services(queries: MetricQueries, now_ms: int) -> Iterator[Idle]:
    """Yield what each service used at most; a service without figures at two hours at least is left out."""
    cpu, memory = (
        _hourly(queries, "process_cpu_seconds_total", now_ms),
        _hourly(queries, "process_resident_memory_bytes", now_ms),
    )
    limits = [_hourly(queries, name, now_ms, hours=1) for name in _LIMITS]
    for service in sorted({service for service, _ in (*cpu, *memory)}):
        mine = {replica: values for (name, replica), values in {**cpu, **memory}.items() if name == service}
        times = [at for values in mine.values() for at, _ in values]
        lately = [replica for replica, values in mine.items() if values[-1][0] >= now_ms - 2 * _HOUR_MS]
        bounds = [value for one in limits for (name, _), found in one.items() if name == service for _, value in found]
        yield Idle(
            service=service,
            replicas=max(1, len(lately)),
            days=(max(times) - min(times)) / (24 * _HOUR_MS),
            peak_cores=_peak_rate(cpu, service),
            peak_bytes=max(
                (value for (name, _), found in memory.items() if name == service for _, value in found), default=None
            ),
            limit_bytes=min((value for value in bounds if value > 0), default=None),
        )


def _hourly(queries: MetricQueries, metric: str, now_ms: int, hours: int = 24 * _DAYS) -> Hourly:
    """Return each replica's value at every whole hour: a few thousand samples however often it was scraped."""
    found: Hourly = {}
    matchers = [Matcher(METRIC_NAME, MatchOp.EQUAL, metric)]
    if not queries.keys(DEFAULT_TENANT, matchers, now_ms - hours * _HOUR_MS, now_ms):
        return found
    for hour in range(hours, -1, -1):
        at = now_ms - hour * _HOUR_MS
        _note(found, queries.latest(DEFAULT_TENANT, matchers, at, _LOOKBACK_MS), at)
    return found


def _note(found: Hourly, selection: Selection, at: int) -> None:
    for key, value in zip(selection.keys[:_MOST_SERIES], selection.values.tolist(), strict=False):
        labels = dict(decode_labels(key))
        service = next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), "")
        if service and np.isfinite(value):
            replica = labels.get("replica") or labels.get("instance") or ""
            found.setdefault((service, replica), []).append((at, value))


def _peak_rate(cpu: Hourly, service: str) -> float | None:
    """Return the most CPU seconds a second of any replica over an hour."""
    rates = [
        (later - value) / ((then - at) / 1000)
        for (name, _), found in cpu.items()
        if name == service
        for (at, value), (then, later) in pairwise(found)
        if later >= value
    ]
    return max(rates, default=None)
