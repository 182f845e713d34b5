"""Irregular samples on a regular grid. It never invents what a long silence hid: those points stay unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Times = NDArray[np.int64]
    Values = NDArray[np.float64]


def means(times: Times, values: Values, start_ms: int, step_ms: int, count: int) -> Values:
    """Return the mean of the samples in each of `count` steps from `start_ms`; NaN where there is none.

    `times` are milliseconds; a sample belongs to the step that it lies in. Values that are not finite are left out.
    """
    slot = (times - start_ms) // step_ms
    good = (slot >= 0) & (slot < count) & np.isfinite(values)
    sums = np.bincount(slot[good], values[good], count)
    found = np.bincount(slot[good], minlength=count)
    return np.divide(sums, found, out=np.full(count, np.nan), where=found > 0)


def rates(times: Times, values: Values, start_ms: int, step_ms: int, count: int, *, silence_ms: int) -> Values:
    """Return a counter's increase per second in each step; NaN where no two neighbouring samples tell it.

    A fall is a reset, and what stands after it is the increase, as in Prometheus. Neighbours further apart than
    `silence_ms` tell nothing about the time between them.
    """
    good = np.isfinite(values)
    times, values = times[good], values[good]
    if times.size < 2:
        return np.full(count, np.nan)
    increase = np.diff(values)
    increase = np.where(increase < 0, values[1:], increase)
    apart = np.diff(times)
    slot = (times[1:] - start_ms) // step_ms
    told = (slot >= 0) & (slot < count) & (apart > 0) & (apart <= silence_ms)
    grown = np.bincount(slot[told], increase[told], count)
    seconds = np.bincount(slot[told], apart[told] / 1000.0, count)
    return np.divide(grown, seconds, out=np.full(count, np.nan), where=seconds > 0)


def trimmed(values: Values) -> Values:
    """Return what lies between the first and the last known point."""
    known = np.flatnonzero(np.isfinite(values))
    return values[known[0] : known[-1] + 1] if known.size else values[:0]


def filled(values: Values) -> Values:
    """Draw straight lines over unknown points; the ends are level. Raises `ValueError` where nothing is known."""
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        raise ValueError("nothing is known of this series")
    return np.interp(np.arange(values.size), known, values[known])


def share_known(values: Values) -> float:
    """Return the share of points that are known, 0 to 1."""
    return float(np.mean(np.isfinite(values))) if values.size else 0.0
