"""A trend that outliers do not bend: the Theil-Sen slope, over all pairs or over an even sample of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

#: All pairs of so many points are few enough to look at.
_ALL_PAIRS = 160
#: The distances, as shares of the length, at which pairs are taken of a longer series: long ones tell a slope best.
_DISTANCES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def slope(values: Values) -> float:
    """Return the median slope per step; unknown points are left out, and 0 is returned for fewer than two.

    Theil (1950), Sen (1968). Pairs of a long series are taken at fixed distances, so that the same points give the
    same slope every time; up to 29 % of the points may be anything.
    """
    if values.size <= _ALL_PAIRS:
        earlier, later = np.triu_indices(values.size, 1)
        slopes = (values[later] - values[earlier]) / (later - earlier)
    else:
        lags = [round(share * values.size) for share in _DISTANCES]
        slopes = np.concatenate([(values[lag:] - values[:-lag]) / lag for lag in lags])
    slopes = slopes[np.isfinite(slopes)]
    return float(np.median(slopes)) if slopes.size else 0.0
