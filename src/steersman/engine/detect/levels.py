"""What is measured now, and how it went: answers to the questions of the API and of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan

import numpy as np
from numpy.typing import NDArray

from steersman.engine.detect.judgements import BOUNDS
from steersman.engine.detect.state import RING, Columns
from steersman.engine.signals.terms import Signal
from steersman.model.entities import Entity
from steersman.model.findings import Aspect
from steersman.model.rounds import Trend

_BEFORE_MS, _NOW_MS, _SLOPE_POINTS = 120_000, 6_500, 15
_STALE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A signal as it stands: its last value and time, what is usual, its spread, and its limit if it has one."""

    entity: Entity
    aspect: Aspect
    signal: str
    value: float
    expected: float
    spread: float
    time_ms: int
    limit: float | None = None
    peer: Entity | None = None


def _limit(signal: Signal) -> float | None:
    bounds = BOUNDS[signal.judgement]
    if bounds.limit < inf:
        return bounds.limit
    return bounds.hard_high if bounds.hard_high < inf else None


def level_of(columns: Columns, number: int, signal: Signal, now_ms: int) -> Level | None:
    """Return the level of a signal, or nothing when it was not measured lately."""
    row = columns.signals[number]
    if isnan(row["value"]) or now_ms - row["t"] > _STALE_MS + 3 * row["dt"]:
        return None
    return Level(
        entity=signal.entity,
        aspect=signal.aspect,
        signal=signal.selector,
        value=float(row["value"]),
        expected=float(row["expected"]),
        spread=float(row["spread"]),
        time_ms=int(row["t"]),
        limit=_limit(signal),
        peer=signal.peer,
    )


def points(columns: Columns, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the last ten minutes of a derived signal: times in ms, values."""
    ring = int(columns.signals[number]["ring"])
    count = int(columns.ring_n[ring])
    order = np.arange(max(0, count - RING), count) % RING
    return columns.ring_t[ring, order], columns.ring_v[ring, order].astype(np.float64)


def _slope(times: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """Per minute, between the medians of the first and the last third of the latest points."""
    times, values = times[-_SLOPE_POINTS:], values[-_SLOPE_POINTS:]
    third = times.size // 3
    if third == 0:
        return 0.0
    minutes = float(np.median(times[-third:]) - np.median(times[:third])) / 60_000.0
    return float(np.median(values[-third:]) - np.median(values[:third])) / minutes if minutes > 0 else 0.0


def trend_of(columns: Columns, number: int, signal: Signal, since_ms: int) -> Trend | None:
    """Return how a signal went before and after a moment, or nothing when nothing is known of it."""
    times, values = points(columns, number)
    row = columns.signals[number]
    if not times.size:
        return None
    earlier = values[(times < since_ms) & (times >= since_ms - _BEFORE_MS)]
    lately = values[times >= times[-1] - _NOW_MS]
    return Trend(
        entity=signal.entity,
        aspect=signal.aspect,
        signal=signal.selector,
        before=float(np.median(earlier)) if earlier.size else float(row["expected"]),
        now=float(np.median(lately)),
        slope=_slope(times, values),
        usual=float(row["spread"]),
        limit=_limit(signal),
    )
