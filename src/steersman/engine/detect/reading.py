"""From samples to what a series adds to its signals, and from the members of a signal to its value."""

from __future__ import annotations

from math import exp, isnan, nan

import numpy as np
from numba import boolean, float64, from_dtype, int32, int64, njit, types, void

from steersman.engine.detect.state import SERIES, SOURCE
from steersman.engine.signals.terms import Across, Formula, Reading, Role

#: Restarts fade within half a minute, and a crash loop is over soon after the last one.
_RESTART_FADE_MS, _MOST_RESTARTS = 25_000.0, 2.5

SUM, RATIO, FREE, PART, MEAN = (int(one) for one in Formula)
POOLED, _LARGEST = int(Across.POOLED), int(Across.LARGEST)
_NUM, _DEN = int(Role.NUMERATOR), int(Role.DENOMINATOR)
_GAUGE, _COUNTER, _STARTED, _EXPIRES = (
    int(Reading.GAUGE),
    int(Reading.COUNTER),
    int(Reading.STARTED),
    int(Reading.EXPIRES),
)
_WALL, _RESTARTS, _DISTANCE = int(Reading.WALL), int(Reading.RESTARTS), int(Reading.DISTANCE)

SERIES_ROWS, SOURCE_ROWS = from_dtype(SERIES)[::1], from_dtype(SOURCE)[::1]
I32 = types.Array(int32, 1, "C")
#: Starts by signal, then series, role and group of each member.
MEMBERS = (I32, I32, I32, I32)


@njit(void(SOURCE_ROWS, int64, int64, boolean), cache=True, nogil=True)
def hear(sources, source, t, live):  # type: ignore[no-untyped-def]
    """Note that a source sent something."""
    row = sources[source]
    if row.first_t == 0:
        row.first_t = t
    if t > row.last_t:
        if row.last_t > 0:
            step = np.float64(t - row.last_t)
            if row.gap == 0.0:
                row.gap = step
            elif step > 200.0:
                row.gap += (0.3 if step < row.gap else 0.1) * (min(step, 3.0 * row.gap) - row.gap)
        row.before_t = row.last_t
        row.last_t = t
    if live:
        row.live_t = max(row.live_t, t)


@njit(float64(SERIES_ROWS, SOURCE_ROWS, int64, int64, float64), cache=True, nogil=True)
def _rate(series, sources, s, t, v):  # type: ignore[no-untyped-def]
    """The rise per second. A counter that appears at a source that was there before has counted from zero."""
    row = series[s]
    if row.last_t == 0:
        source = sources[row.source]
        before = source.last_t if source.last_t < t else source.before_t
        if before == 0 or t - before > 120_000:
            return nan
        row.gap = t - before
        return v * row.scale * 1000.0 / (t - before)
    rise = v - row.last_v if v >= row.last_v else v
    return rise * row.scale * 1000.0 / (t - row.last_t)


@njit(float64(SERIES_ROWS, int64, int64, float64, int64), cache=True, nogil=True)
def _restarts(series, s, t, v, reading):  # type: ignore[no-untyped-def]
    """The number of restarts, fading."""
    row = series[s]
    if row.last_t == 0:
        return 0.0
    new = 0.0
    if reading == _STARTED:
        new = 1.0 if abs(v - row.last_v) > 0.5 else 0.0
    elif v > row.last_v:
        new = v - row.last_v
    return min(row.part * exp(-np.float64(t - row.last_t) / _RESTART_FADE_MS) + new, _MOST_RESTARTS)


@njit(boolean(SERIES_ROWS, SOURCE_ROWS, int64, int64, float64), cache=True, nogil=True)
def read(series, sources, s, t, v):  # type: ignore[no-untyped-def]  # noqa: C901 -- one branch per reading
    """Turn a sample into what its series adds to its signals. Says whether it was new."""
    row = series[s]
    if t <= row.last_t:
        return False
    reading = row.reading
    if isnan(v):
        row.part = nan
        row.last_t = t
        return True
    if reading == _COUNTER:
        row.part = _rate(series, sources, s, t, v)
    elif reading == _GAUGE:
        row.part = v * row.scale
    elif reading == _STARTED or reading == _RESTARTS:  # noqa: PLR1714, SIM109 -- two comparisons
        row.part = _restarts(series, s, t, v, reading)
    elif reading == _EXPIRES:
        row.part = v - t / 1000.0
    elif reading == _WALL:
        row.part = abs(v - t / 1000.0)
    elif reading == _DISTANCE:
        row.part = abs(v)
    if row.last_t > 0:
        step = np.float64(t - row.last_t)
        if row.gap == 0.0:
            row.gap = step
        else:
            row.gap += (0.3 if step < row.gap else 0.1) * (min(step, 3.0 * row.gap) - row.gap)
    row.last_t = t
    row.last_v = v
    return True


@njit(float64(float64, float64, int64), cache=True, nogil=True)
def _better(left, right, across):  # type: ignore[no-untyped-def]
    if isnan(left):
        return right
    if isnan(right):
        return left
    return max(left, right) if across == _LARGEST else min(left, right)


@njit(float64(int64, int64, float64, float64, int64, int64), cache=True, nogil=True)
def value_of(formula, across, num, den, nums, dens):  # type: ignore[no-untyped-def]
    """The formula over sums; NaN where there is nothing to divide by."""
    if nums == 0:
        # An error code that never came up is no failure; anything else without its numerator is unknown.
        return 0.0 if formula == RATIO and across == POOLED and dens > 0 and den > 0.0 else nan
    if formula == SUM:
        return num
    if formula == MEAN:
        return num / nums
    if dens == 0:
        return nan
    if formula == PART:
        return num / (num + den) if num + den > 1e-12 else nan
    if den <= 1e-12:
        return nan
    return num / den if formula == RATIO else 1.0 - num / den


@njit(
    types.Tuple((float64, float64, float64, int64, int64, int64))(SERIES_ROWS, *MEMBERS, int64, int64, int64, int64),
    cache=True,
    nogil=True,
)
def measure(series, starts, members, roles, groups, g, t, formula, across):  # type: ignore[no-untyped-def]
    """Return (value, numerators, denominators, their numbers, time of the newest member) of a signal now."""
    best, num, den = nan, 0.0, 0.0
    nums = dens = newest = np.int64(0)
    group = np.int64(-1)
    for at in range(starts[g], starts[g + 1]):
        row = series[members[at]]
        if isnan(row.part) or t - row.last_t > 3.0 * row.gap + 2_000.0:
            continue
        if across != POOLED and groups[at] != group:
            best = _better(best, value_of(formula, across, num, den, nums, dens), across)
            num = den = 0.0
            nums = dens = np.int64(0)
            group = np.int64(groups[at])
        if roles[at] & _NUM:
            num += row.part
            nums += 1
        if roles[at] & _DEN:
            den += row.part
            dens += 1
        newest = max(newest, row.last_t)
    best = _better(best, value_of(formula, across, num, den, nums, dens), across)
    return best, num, den, nums, dens, newest
