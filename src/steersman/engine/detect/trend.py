"""A steady rise, told from a step and from noise: Tukey's resistant line over the last points of a ring."""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int64, njit
from numba.types import Array, UniTuple

_STEADY = 0.25  # the smaller half of a rise is at least this share of it, or it was a step


@njit(float64(Array(float32, 1, "C"), int64, int64), cache=True, nogil=True)
def _median(ring, start, count):  # type: ignore[no-untyped-def]
    part = np.empty(count, np.float32)
    for i in range(count):
        part[i] = ring[(start + i) % ring.size]
    part.sort()
    return 0.5 * (part[count // 2] + part[(count - 1) // 2])


@njit(UniTuple(float64, 2)(Array(int64, 1, "C"), Array(float32, 1, "C"), int64, int64), cache=True, nogil=True)
def growth(times, values, count, points):  # type: ignore[no-untyped-def]
    """Return (slope per second, rise) over the last `points`, both 0 unless all three thirds rise alike.

    `times` are milliseconds in a ring of which `count` points were written. The medians of the thirds are compared
    (Tukey, Exploratory Data Analysis, 1977), so that a third of the points may be anything.
    """
    third = min(points, count, times.size) // 3
    if third < 2 or count < points:
        return 0.0, 0.0
    start = count - 3 * third
    low = _median(values, start, third)
    middle = _median(values, start + third, third)
    high = _median(values, start + 2 * third, third)
    rise = high - low
    if min(middle - low, high - middle) < _STEADY * rise or rise <= 0.0:
        return 0.0, 0.0
    first = times[start % times.size]
    last = times[(count - 1) % times.size]
    seconds = (last - first) / 1000.0 * (2 * third) / (3 * third - 1)  # between the middles of the outer thirds
    if seconds <= 0.0:
        return 0.0, 0.0
    return rise / seconds, 1.5 * rise
