"""What is usual at this time of the day and of the week: means of five-minute slots, as multiples of a quantum.

A slot holds the distance from an anchor in 16 bits; zero says that nothing is known of it. The hours of the week hold
what the day alone does not explain, in 8 bits. Nothing is asked of a profile before it has seen two days, and nothing
of the week before it has seen eight.
"""

from __future__ import annotations

from math import nan

import numpy as np
from numba import float64, from_dtype, int8, int16, int64, njit, types, void

from steersman.engine.detect.state import DAILY, SIGNAL, WEEKLY

SLOT_MS, HOUR_MS = 300_000, 3_600_000
#: 1 January 1970 was a Thursday: the slot of a week only has to repeat, not to begin on a Monday.
_MOST = 32_000
_WEEK_QUANTA = 16.0  # quanta in one unit of the hours of the week
_DAYS_OF_PROFILE, _DAYS_OF_WEEK = 2, 8
_FULL_DAY = 260  # slots; a day with a hole of two hours is still a day

_SIGNAL = from_dtype(SIGNAL)[::1]
_DAILY, _WEEKLY = types.Array(int16, 2, "C"), types.Array(int8, 2, "C")


@njit(float64(_SIGNAL, _DAILY, int64, int64), cache=True, nogil=True)
def _of_day(signals, daily, g, t):  # type: ignore[no-untyped-def]
    """The distance from the anchor in quanta, between the middles of two slots; NaN where both are unknown."""
    at = np.float64(t) / SLOT_MS - 0.5
    left = np.int64(np.floor(at))
    share = at - left
    one, two = daily[g, left % DAILY], daily[g, (left + 1) % DAILY]
    if one == 0 and two == 0:
        return nan
    if one == 0:
        return np.float64(two)
    if two == 0:
        return np.float64(one)
    return (1.0 - share) * one + share * two


@njit(float64(_SIGNAL, _DAILY, _WEEKLY, int64, int64), cache=True, nogil=True)
def usual(signals, daily, weekly, g, t):  # type: ignore[no-untyped-def]
    """Return what the profile says of a moment: 0 while there is none, NaN where it has a hole."""
    row = signals[g]
    if row.days < _DAYS_OF_PROFILE:
        return 0.0
    day = _of_day(signals, daily, g, t)
    if row.days >= _DAYS_OF_WEEK:
        day += _WEEK_QUANTA * weekly[g, (t // HOUR_MS) % WEEKLY]
    return row.anchor + row.quantum * day


@njit(void(_SIGNAL, _DAILY, int64, int64, float64), cache=True, nogil=True)
def _close_slot(signals, daily, g, slot, mean):  # type: ignore[no-untyped-def]
    row = signals[g]
    if row.quantum == 0.0:
        row.anchor = mean
        row.quantum = max(abs(mean) * 1e-3, 0.25 * row.spread, 1e-9)
    place = slot % DAILY
    known = daily[g, place]
    wanted = (mean - row.anchor) / row.quantum
    if known != 0:
        wanted = known + (wanted - known) / min(row.days + 1.0, 7.0)
    while abs(wanted) > _MOST:
        row.quantum *= 2.0
        wanted *= 0.5
        for i in range(DAILY):
            if abs(daily[g, i]) > 1:
                daily[g, i] //= 2
    kept = np.int64(np.rint(wanted))
    daily[g, place] = kept if kept != 0 else 1


@njit(void(_SIGNAL, _DAILY, _WEEKLY, int64, int64), cache=True, nogil=True)
def _close_hour(signals, daily, weekly, g, t):  # type: ignore[no-untyped-def]
    """Learn what the hour that ends had on top of what its day says."""
    row = signals[g]
    middle = row.hour * HOUR_MS + HOUR_MS // 2
    day = _of_day(signals, daily, g, middle)
    if row.days >= 1 and row.hour_n > 0 and day == day:  # noqa: PLR0124 -- NaN is not itself
        place = row.hour % WEEKLY
        rest = (row.hour_sum / row.hour_n - row.anchor) / row.quantum - day
        known = np.float64(weekly[g, place])
        wanted = known + (rest / _WEEK_QUANTA - known) * (0.5 if row.days >= _DAYS_OF_WEEK else 1.0)
        weekly[g, place] = np.int64(np.rint(min(max(wanted, -127.0), 127.0)))


@njit(void(_SIGNAL, _DAILY, _WEEKLY, int64, int64, float64), cache=True, nogil=True)
def learn(signals, daily, weekly, g, t, x):  # type: ignore[no-untyped-def]
    """Add a usual value to the slot and the hour of its time."""
    row = signals[g]
    slot, hour = t // SLOT_MS, t // HOUR_MS
    if row.slot != slot:
        if row.slot_n > 0:
            _close_slot(signals, daily, g, row.slot, row.slot_sum / row.slot_n)
            row.slots += 1
            days = min(row.slots // _FULL_DAY, 30_000)
            if days >= _DAYS_OF_PROFILE > row.days:
                # From here on the offset is the distance from the profile, which holds the level itself.
                row.days = days
                profiled = usual(signals, daily, weekly, g, t)
                row.offset = x - profiled if profiled == profiled else 0.0  # noqa: PLR0124 -- NaN is not itself
            row.days = days
        row.slot, row.slot_sum, row.slot_n = slot, 0.0, 0
    if row.hour != hour:
        if row.hour_n > 0 and row.quantum > 0.0:
            _close_hour(signals, daily, weekly, g, t)
        row.hour, row.hour_sum, row.hour_n = hour, 0.0, 0
    row.slot_sum += x
    row.slot_n += 1
    row.hour_sum += x
    row.hour_n += 1
