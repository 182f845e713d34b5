"""What a value is worth: how far it is from what is usual, whether that is bad, and what is learnt from it."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
from numba import boolean, float64, from_dtype, int64, njit, types, void

from steersman.engine.detect import judgements
from steersman.engine.detect.judgements import BOUNDS_TYPE
from steersman.engine.detect.state import RING_STEP_MS, SIGNAL
from steersman.engine.detect.trend import growth

#: A change that lasts for half an hour is taken for the new normal.
RELEARN_MS = 30 * 60_000
#: The smoothing of quotients, so that one failed request of two in a second is no outage.
_SMOOTH_MS = 1_500.0
_TAU_MS, _TAU_PROFILE_MS, _TAU_SPREAD_MS = 600_000.0, 3_600_000.0, 900_000.0
#: Samples until what was learnt is believed, and the clip of what is learnt in spreads.
WARM = 15
_FORGET_MS, _REACH_MS = 300_000, 2 * 86_400_000.0
_CLIP = 3.0
_HASTE = 0.05  # the most that one sample moves a level that a profile knows
_FADE = 0.98  # of the share of samples that differ from the one before
_DUE = 8.0  # this many events were due and none came: less than one in 2,900 by chance

UP, DOWN, STUCK = 1, 2, 3
ODD, HARD, SILENT, RISING, SHIFTED, FROZEN, ADOPTED = 1, 2, 3, 4, 5, 6, 7

_F_POISSON, _F_SILENCE = judgements.POISSON, judgements.SILENCE
_F_SHIFT, _F_FROZEN, _F_KNOWN = judgements.SHIFT, judgements.FROZEN, judgements.KNOWN

SIGNAL_ROWS, BOUNDS_ROWS = from_dtype(SIGNAL)[::1], from_dtype(BOUNDS_TYPE)[::1]
RINGS = (types.Array(int64, 2, "C"), types.Array(types.float32, 2, "C"), types.Array(int64, 1, "C"))


@njit(void(SIGNAL_ROWS, int64, float64, float64, float64), cache=True, nogil=True)
def smooth(signals, g, num, den, dt):  # type: ignore[no-untyped-def]
    row = signals[g]
    alpha = 1.0 if row.n == 0 or row.t == 0 else 1.0 - exp(-dt / _SMOOTH_MS)
    row.num += alpha * (num - row.num)
    row.den += alpha * (den - row.den)


@njit(void(SIGNAL_ROWS, int64, float64), cache=True, nogil=True)
def pace(signals, g, dt):  # type: ignore[no-untyped-def]
    """Learn how often a signal is measured. Finer samples scatter more, and a hole makes the level uncertain."""
    row = signals[g]
    row.reach -= row.reach * min(dt / _REACH_MS, 1.0)
    if row.dt == 0.0:
        row.dt = dt
        return
    row.finer = row.finer + 1 if dt < 0.25 * row.dt else 0
    if row.finer == 2:  # once may be two replicas that are asked one shortly after the other
        row.spread *= min(8.0, sqrt(row.dt / dt))
        row.n = min(row.n, 5)
        row.dt = dt
        row.finer = 0
    elif row.finer:
        return
    elif dt > _FORGET_MS and dt > 10.0 * row.dt:
        row.n = min(row.n, 5)
    else:
        row.dt += 0.1 * (min(dt, 3.0 * row.dt) - row.dt)


@njit(float64(SIGNAL_ROWS, BOUNDS_ROWS, int64, float64, float64), cache=True, nogil=True)
def scatter_of(signals, bounds, g, expected, dt):  # type: ignore[no-untyped-def]
    """The spread that is believed: what was learnt, and never less than rounding and counting explain."""
    row = signals[g]
    bound = bounds[row.judgement]
    least = max(bound.floor, 1e-3 * abs(expected), 1e-9)
    if bound.flags & _F_POISSON:
        least = max(least, sqrt(max(expected, 0.0) * 1000.0 / max(dt, 1000.0)))
    return max(np.float64(row.spread), least)


@njit(
    types.Tuple((int64, int64, int64))(SIGNAL_ROWS, BOUNDS_ROWS, int64, float64, float64, float64, boolean),
    cache=True,
    nogil=True,
)
def judge(signals, bounds, g, x, expected, scatter, warm):  # type: ignore[no-untyped-def]
    """Return (direction, severity, why) of one value; (0, 0, 0) when nothing is wrong with it."""
    row = signals[g]
    bound = bounds[row.judgement]
    if bound.flags & _F_KNOWN and not warm:
        return 0, 0, 0
    ease = bound.ease if row.active else 1.0
    above = bound.hard_high * ease
    if x >= above:
        severity = 2 if x >= bound.critical_high else bound.hard_severity
        return UP, severity, HARD
    if x <= bound.hard_low:
        severity = 2 if x <= bound.critical_low else bound.hard_severity
        return DOWN, severity, HARD
    # Whoever answers is well, also where a history of silence would call that unusual.
    if not warm or bound.flags & _F_KNOWN:
        return 0, 0, 0
    z = (x - expected) / scatter
    factor = 1.0 + (bound.factor - 1.0) * ease
    step = max(bound.step * ease, row.reach)
    away = abs(x - expected)
    if bound.directions & 1 and z > bound.z * ease and away > step and x > expected + (factor - 1.0) * abs(expected):
        severe = away > bound.critical_step and x > bound.critical_factor * abs(expected)
        return UP, 2 if severe else bound.severity, ODD
    if (
        bound.directions & 2
        and z < -bound.z * ease
        and away > step
        and x < expected - (1.0 - 1.0 / factor) * abs(expected)
    ):
        return DOWN, bound.severity, ODD
    return 0, 0, 0


@njit(int64(SIGNAL_ROWS, BOUNDS_ROWS, int64, float64, float64, float64, float64), cache=True, nogil=True)
def habits(signals, bounds, g, x, expected, scatter, dt):  # type: ignore[no-untyped-def]
    """Count silence, small lasting shifts and frozen values. Returns which of them is too much, or 0."""
    row = signals[g]
    flags = bounds[row.judgement].flags
    if flags & _F_SILENCE:
        row.owed = row.owed + max(expected, 0.0) * dt / 1000.0 if x <= 1e-9 else 0.0
        if row.owed >= _DUE:
            return SILENT
    if flags & _F_FROZEN:
        if x == row.value:
            row.same_n += 1
        else:
            row.changing = row.changing * _FADE ** (row.same_n + 1) + (1.0 - _FADE)
            row.same_n = 0
        if row.same_n > 60 and np.float64(row.same_n) * row.dt > 60_000.0 and row.changing > 0.9:
            return FROZEN
    if flags & _F_SHIFT:
        z = min(max((x - expected) / scatter, -6.0), 6.0)
        row.sum_high = min(max(row.sum_high + z - 3.0, 0.0), 120.0)
        row.sum_low = min(max(row.sum_low - z - 3.0, 0.0), 120.0)
        far = abs(x - expected) > 0.25 * abs(expected)
        if far and (row.sum_high > 90.0 or row.sum_low > 90.0):
            return SHIFTED
    return 0


@njit(boolean(SIGNAL_ROWS, BOUNDS_ROWS, int64, float64, float64, float64), cache=True, nogil=True)
def speaks(signals, bounds, g, num, den, dt):  # type: ignore[no-untyped-def]
    """Whether enough work was done for the value to mean anything."""
    bound = bounds[signals[g].judgement]
    if bound.events_of == 0:
        return True
    rate = num if bound.events_of == 1 else den
    return rate * max(dt, 4_000.0) >= bound.events * 1_000.0


@njit(void(SIGNAL_ROWS, int64, float64, float64, float64, float64), cache=True, nogil=True)
def learn(signals, g, x, expected, scatter, dt):  # type: ignore[no-untyped-def]
    """Move level and spread towards a value that was found to be usual."""
    row = signals[g]
    first = 1.0 / (row.n + 1.0)
    off = x - expected
    known = row.days >= 2
    if known:
        # Days of history outweigh the first samples after a hole: what has just started is not yet itself.
        first = min(first, _HASTE)
        if row.n < WARM and abs(off) > _CLIP * scatter:
            row.n += 1
            return
    if row.n >= 10 or known:
        off = min(max(off, -_CLIP * scatter), _CLIP * scatter)
    tau = _TAU_PROFILE_MS if known else _TAU_MS
    row.offset += max(first, dt / (tau + dt)) * off
    if row.n > 0:
        size = 1.2533 * abs(off)  # the mean distance of a normal distribution, as a standard deviation
        row.spread += max(first, dt / (_TAU_SPREAD_MS + dt)) * (size - row.spread)
    row.n = min(row.n + 1, 1_000_000)


@njit(boolean(SIGNAL_ROWS, int64, float64, float64, float64, int64), cache=True, nogil=True)
def relearn(signals, g, x, expected, dt, t):  # type: ignore[no-untyped-def]
    """Watch a value that stays away from the usual; when it did so for long enough, take it for the usual."""
    row = signals[g]
    if row.shift_t == 0 or dt > _FORGET_MS:
        row.shift_t = t
        row.shift = x
        return False
    row.shift += dt / (60_000.0 + dt) * (x - row.shift)
    if t - row.shift_t < RELEARN_MS:
        return False
    row.offset += row.shift - expected
    row.spread = max(row.spread, 0.1 * abs(row.shift - expected))
    row.n = min(row.n, WARM)
    row.shift_t = 0
    row.sum_high = row.sum_low = 0.0
    row.heat = 0.0
    return True


@njit(boolean(SIGNAL_ROWS, *RINGS, int64, int64, float64), cache=True, nogil=True)
def remember(signals, ring_t, ring_v, ring_n, g, t, x):  # type: ignore[no-untyped-def]
    """Put a point into the ring unless the last one is too near. Says whether it did."""
    ring = signals[g].ring
    if ring < 0:
        return False
    size = ring_t.shape[1]
    count = ring_n[ring]
    if count > 0 and t - ring_t[ring, (count - 1) % size] < RING_STEP_MS:
        return False
    ring_t[ring, count % size] = t
    ring_v[ring, count % size] = x
    ring_n[ring] = count + 1
    return True


@njit(void(SIGNAL_ROWS, BOUNDS_ROWS, *RINGS, int64, float64, float64, float64), cache=True, nogil=True)
def extrapolate(signals, bounds, ring_t, ring_v, ring_n, g, x, expected, scatter):  # type: ignore[no-untyped-def]
    """Set the slope of a steady rise that leads out of what is usual, and to the limit if there is one."""
    row = signals[g]
    bound = bounds[row.judgement]
    row.slope = 0.0
    if x < expected + max(0.15 * abs(expected), bound.rise, 4.0 * scatter) or ring_n[row.ring] < 6:
        return
    for window in range(3):
        points = (6, 20, 120)[window]
        slope, rise = growth(ring_t[row.ring], ring_v[row.ring], ring_n[row.ring], points)
        if rise < max(bound.rise, (8.0, 6.0, 4.0)[window] * scatter):
            continue
        horizon = (120.0, 300.0, 1_200.0)[window]
        if bound.limit - x > slope * horizon and bound.limit < 1e300:
            continue
        row.slope = slope
        return
