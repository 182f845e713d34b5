"""One pass over the samples of a round: read, combine, compare with what is usual, and only then learn.

Samples come sorted by second, series and time, so their batches leave no trace. At the end of a second, each signal
that got a sample is measured over its members in their fixed order; so a sum never depends on the order of arrival.
Samples from the past teach and raise nothing. What was judged anomalous is not learnt from, until it has lasted for
`RELEARN_MS`: then it is the new normal, and the finding ends with that reason.

The kernels check no bounds of arrays: the numbers in the columns are `registry`'s own.
"""

from __future__ import annotations

from math import isnan

import numpy as np
from numba import boolean, float64, int8, int16, int64, njit, types
from numba.types import UniTuple

from steersman.engine.detect import judgements, profile
from steersman.engine.detect.following import ENDED, EVENT_ROWS, follow, tell
from steersman.engine.detect.judging import (
    ADOPTED,
    BOUNDS_ROWS,
    DOWN,
    FROZEN,
    HARD,
    ODD,
    RINGS,
    RISING,
    SHIFTED,
    SIGNAL_ROWS,
    SILENT,
    STUCK,
    UP,
    WARM,
    extrapolate,
    habits,
    judge,
    learn,
    pace,
    relearn,
    remember,
    scatter_of,
    smooth,
    speaks,
)
from steersman.engine.detect.reading import (
    FREE,
    I32,
    MEMBERS,
    PART,
    POOLED,
    RATIO,
    SERIES_ROWS,
    SOURCE_ROWS,
    hear,
    measure,
    read,
    value_of,
)
from steersman.engine.signals.terms import Judgement

_F_TREND = judgements.TREND
_PLAIN = int(Judgement.PLAIN)
_MOST_SCORE = 1_000.0  # a spread of nearly nothing makes any score; beyond this it says no more
_I64 = types.Array(int64, 1, "C")
_DAILY, _WEEKLY = types.Array(int16, 2, "C"), types.Array(int8, 2, "C")


@njit(UniTuple(float64, 4)(SIGNAL_ROWS, int64, float64, float64, float64, float64), cache=True, nogil=True)
def _combined(signals, g, x, num, den, dt):  # type: ignore[no-untyped-def]
    """Smooth a quotient. Returns (value, numerator, denominator, how much work speaks for it)."""
    row = signals[g]
    quotient = row.formula == RATIO or row.formula == PART or row.formula == FREE  # noqa: PLR1714 -- three comparisons
    if quotient and row.across == POOLED:
        smooth(signals, g, num, den, dt)
        num, den = row.num, row.den
        x = value_of(row.formula, POOLED, num, den, 1, 1)
    return x, num, den, num + den if row.formula == PART else den


@njit(
    UniTuple(int64, 3)(SIGNAL_ROWS, BOUNDS_ROWS, int64, float64, float64, float64, float64, float64, float64),
    cache=True,
    nogil=True,
)
def _verdict(signals, bounds, g, x, expected, scatter, num, over, dt):  # type: ignore[no-untyped-def]
    """Return (direction, severity, why) of a value by all rules but that of its trend."""
    row = signals[g]
    severity = bounds[row.judgement].severity
    warm = row.n >= WARM
    verdict = judge(signals, bounds, g, x, expected, scatter, warm)
    habit = habits(signals, bounds, g, x, expected, scatter, dt) if warm else 0
    if habit == SILENT:
        verdict = (STUCK, severity, SILENT)
    elif habit and verdict[0] == 0:
        verdict = (STUCK if habit != SHIFTED else (UP if x > expected else DOWN), severity, habit)
    if verdict[0] and not speaks(signals, bounds, g, num, over, dt):
        return 0, 0, 0
    return verdict


@njit(
    int64(SIGNAL_ROWS, _DAILY, _WEEKLY, EVENT_ROWS, int64, int64, int64, float64, float64, float64, float64, int64),
    cache=True,
    nogil=True,
)
def _absorb(signals, daily, weekly, events, told, g, t, x, expected, scatter, dt, why):  # type: ignore[no-untyped-def]
    """Learn from what is usual, and from what has been unusual for too long to be. Returns the number of events."""
    row = signals[g]
    if row.judgement == _PLAIN:
        row.reach = max(row.reach, row.episode) if why == 0 else row.reach
        row.episode = max(row.episode, abs(x - expected)) if why else 0.0
    if why == 0:
        row.shift_t = 0
        if not row.active:
            learn(signals, g, x, expected, scatter, dt)
            profile.learn(signals, daily, weekly, g, t, x)
    elif (why == ODD or why == SHIFTED or why == FROZEN) and relearn(signals, g, x, expected, dt, t):  # noqa: PLR1714, SIM109 -- as above
        if row.active:
            row.why = ADOPTED
            told = tell(events, told, signals, g, ENDED, t, scatter)
        row.active = row.severity = row.why = 0
    return told


@njit(
    int64(SIGNAL_ROWS, BOUNDS_ROWS, _DAILY, _WEEKLY, *RINGS, EVENT_ROWS, int64, int64, int64, float64, float64, float64,
          boolean),
    cache=True,
    nogil=True,
)  # fmt: skip
def _update(  # type: ignore[no-untyped-def]
    signals, bounds, daily, weekly, ring_t, ring_v, ring_n, events, told, g, t, x, num, den, live
):
    """Score a measured value, learn from it, and follow its finding. Returns the number of events."""
    row = signals[g]
    first = row.t == 0
    dt = 0.0 if first else np.float64(t - row.t)
    if not first:
        pace(signals, g, dt)
    x, num, den, over = _combined(signals, g, x, num, den, dt)
    row.over, row.t = over, t
    if isnan(x):
        return follow(events, told, signals, bounds, g, t, dt, (0, 0, 0), row.spread) if row.active and live else told
    usual = profile.usual(signals, daily, weekly, g, t)
    expected = row.offset + usual if not isnan(usual) else row.expected
    if row.n == 0:
        expected = x
        row.offset = x - usual if not isnan(usual) else x
    scatter = scatter_of(signals, bounds, g, expected, dt)
    verdict = _verdict(signals, bounds, g, x, expected, scatter, num, over, dt)
    row.score = min(abs(x - expected) / scatter, _MOST_SCORE)
    if verdict[2] == HARD:
        row.score = max(row.score, 10.0)
    row.value, row.expected = x, expected
    if remember(signals, ring_t, ring_v, ring_n, g, t, x) and live and bounds[row.judgement].flags & _F_TREND:
        extrapolate(signals, bounds, ring_t, ring_v, ring_n, g, x, expected, scatter)
    if verdict[0] == 0 and row.slope > 0.0 and live:
        verdict = (UP, 1, RISING)
    if live:
        told = follow(events, told, signals, bounds, g, t, dt, verdict, scatter)
    return _absorb(signals, daily, weekly, events, told, g, t, x, expected, scatter, dt, verdict[2])


@njit(
    int64(SERIES_ROWS, SOURCE_ROWS, SIGNAL_ROWS, BOUNDS_ROWS, _DAILY, _WEEKLY, *RINGS,
          I32, I32, *MEMBERS, I32, _I64, types.Array(float64, 1, "C"), int64, int64, I32, EVENT_ROWS),
    cache=True,
    nogil=True,
)  # fmt: skip
def fold(  # type: ignore[no-untyped-def]
    series, sources, signals, bounds, daily, weekly, ring_t, ring_v, ring_n,
    feeds, fed, starts, members, roles, groups, numbers, times, values, step_ms, live_from, dirty, events,
):  # fmt: skip
    """Fold sorted samples into everything and return how many events were written.

    `feeds[s]:feeds[s + 1]` are the places in `fed` with the signals of series `s`; `starts[g]:starts[g + 1]` the
    members of signal `g`. `dirty` is scratch room for one mark per signal; samples before `live_from` only teach.
    """
    told = np.int64(0)
    at = np.int64(0)
    touched = np.empty(signals.size, np.int32)
    while at < times.size:
        second = times[at] // step_ms
        count = np.int64(0)
        while at < times.size and times[at] // step_ms == second:
            s = numbers[at]
            if read(series, sources, s, times[at], values[at]):
                for place in range(feeds[s], feeds[s + 1]):
                    g = fed[place]
                    if dirty[g] == 0:
                        dirty[g] = 1
                        touched[count] = g
                        count += 1
            at += 1
        back = at - 1
        while back >= 0 and times[back] // step_ms == second:
            s = numbers[back]
            if series[s].last_t == times[back]:
                hear(sources, series[s].source, times[back], times[back] >= live_from)
            back -= 1
        for k in range(count):
            g = touched[k]
            dirty[g] = 0
            row = signals[g]
            t = (second + 1) * step_ms - 1
            x, num, den, _nums, _dens, newest = measure(
                series, starts, members, roles, groups, g, t, row.formula, row.across
            )
            if newest > row.t and told + 2 < events.size:
                told = _update(
                    signals, bounds, daily, weekly, ring_t, ring_v, ring_n, events, told, g, newest, x, num, den,
                    newest >= live_from,
                )  # fmt: skip
    return told
