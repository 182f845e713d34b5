"""How wrong a forecast was, by the measures of the M4 competition, so that figures compare with published ones.

Makridakis, Spiliotis and Assimakopoulos, "The M4 Competition", International Journal of Forecasting 36 (2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def smape(actual: Values, forecast: Values) -> float:
    """Return the symmetric mean absolute percentage error, 0 to 200; a point where both are 0 is right."""
    size = np.abs(actual) + np.abs(forecast)
    off = np.divide(2.0 * np.abs(actual - forecast), size, out=np.zeros_like(size), where=size > 0)
    return float(100.0 * np.mean(off))


#: Changes below this share of the values are rounding: a series that repeats exactly has none.
_ROUNDING = 1e-12


def naive_error(history: Values, season: int) -> float:
    """Return the mean absolute change over `season` steps within the history: what MASE counts in."""
    lag = max(1, season)
    if history.size <= lag:
        return float("nan")
    error = float(np.mean(np.abs(history[lag:] - history[:-lag])))
    return error if error > _ROUNDING * float(np.max(np.abs(history))) else 0.0


def mase(actual: Values, forecast: Values, history: Values, season: int) -> float:
    """Return the mean absolute scaled error; NaN where the history never changed, as nothing scales it then."""
    scale = naive_error(history, season)
    return float(np.mean(np.abs(actual - forecast))) / scale if scale > 0 else float("nan")
