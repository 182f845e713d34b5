"""The seasonal-naive forecast with drift: what was one season ago comes again, moved by the trend.

It is the benchmark that better methods have to beat, and it is what stands here until they do. It knows no holidays,
no causes, and no change that has not happened yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steersman.engine.forecast.trend import slope

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Method:
    """Season in steps, 0 for none; with drift, a robust trend goes on."""

    season: int = 0
    drift: bool = False

    @property
    def words(self) -> str:
        name = f"seasonal naive over {self.season} steps" if self.season else "naive"
        return f"{name} with drift" if self.drift else name


def predict(history: Values, method: Method, horizon: int) -> Values:
    """Return `horizon` points after the history, which holds a whole season at least, and no unknown points."""
    ahead = np.arange(1, horizon + 1)
    if not method.season:
        grown = slope(history) * ahead if method.drift else 0.0
        return history[-1] + grown * np.ones(horizon)
    last = history[-method.season :]
    repeated = last[(ahead - 1) % method.season]
    if not method.drift:
        return repeated
    seasons_ago = -(-ahead // method.season)
    return repeated + _seasonal_drift(history, method.season) * seasons_ago


def _seasonal_drift(history: Values, season: int) -> float:
    """Return the median change from one season to the next; 0 where there is only one season."""
    return float(np.median(history[season:] - history[:-season])) if history.size > season else 0.0
