"""A forecast with its band, and when the band meets a limit. What was not tested that far ahead says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from steersman.engine.forecast.backtest import BackTest, choose, measure, origins_of
from steersman.engine.forecast.naive import predict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: The part of the points that a test looks ahead: further, and too few origins would remain.
_TESTED_PART = 4
#: Errors are counted from this much of what was seen, so that a series which never moved has a band at all.
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Outlook:
    """Points after the last one known; `low` and `high` hold `coverage` of what came true in the back-test."""

    points: Values
    low: Values
    high: Values
    coverage: float
    test: BackTest


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """Steps ahead, from 1, at which a limit is met: the soonest, expected and latest. None is beyond the horizon."""

    earliest: int | None
    expected: int | None
    latest: int | None


def outlook(values: Values, horizon: int, seasons: Sequence[int] = (), coverage: float = 0.9) -> Outlook:
    """Forecast a regular series without unknown points; raises `ValueError` where it is too short to be tested."""
    tested = max(1, min(horizon, values.size // _TESTED_PART))
    choosing, measuring = origins_of(values.size, tested)
    method = choose(values, tested, seasons, choosing)
    test = measure(values, method, tested, measuring)
    points = predict(values, method, horizon)
    below, above = _band(test, horizon, coverage, float(np.max(np.abs(values))))
    return Outlook(points, points - below, points + above, coverage, test)


def _band(test: BackTest, horizon: int, coverage: float, size: float) -> tuple[Values, Values]:
    """Return how far below and above the truth may be at each step ahead.

    The residuals of all steps are pooled after division by their growth h**p, where p is fitted between 0 (errors do
    not grow) and 1 (a wrong trend), and the quantiles are multiplied by it again.
    """
    leads = np.arange(1, test.steps + 1, dtype=np.float64)
    power = _growth(test.residuals, leads)
    pooled = (test.residuals / leads**power).ravel()
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(pooled, [tail, 1.0 - tail]).tolist()
    grown = np.arange(1, horizon + 1, dtype=np.float64) ** power
    least = _LEAST_SPREAD * size
    return max(-low, least) * grown, max(high, least) * grown


def _growth(residuals: Values, leads: Values) -> float:
    typical = np.mean(np.abs(residuals), axis=0)
    good = typical > 0
    if np.count_nonzero(good) < 3:
        return 0.0
    fitted = np.polyfit(np.log(leads[good]), np.log(typical[good]), 1)[0]
    return float(np.clip(fitted, 0.0, 1.0))


def exhaustion(found: Outlook, limit: float, towards: Literal["up", "down"] = "up") -> Exhaustion:
    """Return when the band meets a limit, going up to it or down to it."""
    if towards == "up":
        return Exhaustion(*(_first(line >= limit) for line in (found.high, found.points, found.low)))
    return Exhaustion(*(_first(line <= limit) for line in (found.low, found.points, found.high)))


def _first(met: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(met)) + 1 if met.any() else None
