"""How wrong a method would have been: forecasts from rolling origins, each of which sees only what came before it.

The earlier origins choose the method and the later ones measure it, so the stated error is of a method that was not
picked for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steersman.engine.forecast.measures import naive_error, smape
from steersman.engine.forecast.naive import Method, predict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: Fewer points tell nothing about an error.
LEAST_POINTS = 16
_ORIGINS = 12
#: A more elaborate method must be better by this share than a simpler one.
_BETTER = 0.05


@dataclass(frozen=True, slots=True)
class BackTest:
    """Errors of one method. `residuals[i, h]` is actual minus forecast, `h + 1` steps after the origin `i`."""

    method: Method
    mase: float
    smape: float
    residuals: Values

    @property
    def origins(self) -> int:
        return int(self.residuals.shape[0])

    @property
    def steps(self) -> int:
        """How far ahead was tested."""
        return int(self.residuals.shape[1])


def origins_of(size: int, horizon: int) -> tuple[list[int], list[int]]:
    """Return where forecasts begin: earlier origins that choose, later ones that measure.

    Raises `ValueError` for too short a series. No origin lies in the first half, and each has `horizon` points left.
    """
    if size < LEAST_POINTS or horizon < 1 or size - horizon <= size // 2:
        raise ValueError(f"{size} points are too few to test a forecast of {horizon}")
    found = np.unique(np.linspace(size // 2, size - horizon, _ORIGINS).astype(np.int64)).tolist()
    half = max(1, len(found) // 2)
    return found[:half], found[half:] or found[-1:]


def candidates(first_origin: int, seasons: Sequence[int]) -> Iterator[Method]:
    """Yield the methods that the first origin has enough history for, simplest first."""
    for season in (0, *(season for season in seasons if season > 1 and 2 * season <= first_origin)):
        yield Method(season)
        yield Method(season, drift=True)


def choose(values: Values, horizon: int, seasons: Sequence[int], origins: Sequence[int]) -> Method:
    """Return the method with the smallest mean absolute error; a simpler one stays unless beaten clearly."""
    best, least = Method(), float("inf")
    for method in candidates(origins[0], seasons):
        error = float(np.mean(np.abs(_residuals(values, method, horizon, origins))))
        if error < least * (1.0 - _BETTER):
            best, least = method, error
    return best


def measure(values: Values, method: Method, horizon: int, origins: Sequence[int]) -> BackTest:
    """Return the errors of a method at these origins; MASE is scaled by the history before each one."""
    residuals = _residuals(values, method, horizon, origins)
    scales = np.array([naive_error(values[:origin], method.season) for origin in origins])
    errors = np.mean(np.abs(residuals), axis=1)
    scaled = errors[scales > 0] / scales[scales > 0]
    percent = [
        smape(actual, actual - off) for actual, off in zip(_actuals(values, horizon, origins), residuals, strict=True)
    ]
    return BackTest(
        method=method,
        mase=float(np.mean(scaled)) if scaled.size else float("nan"),
        smape=float(np.mean(percent)),
        residuals=residuals,
    )


def _actuals(values: Values, horizon: int, origins: Sequence[int]) -> Values:
    return np.stack([values[origin : origin + horizon] for origin in origins])


def _residuals(values: Values, method: Method, horizon: int, origins: Sequence[int]) -> Values:
    forecasts = np.stack([predict(values[:origin], method, horizon) for origin in origins])
    return _actuals(values, horizon, origins) - forecasts
