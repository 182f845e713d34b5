"""From bad values to findings: heat until one begins, coolness until it ends, and an event for each turn."""

from __future__ import annotations

import numpy as np
from numba import float64, from_dtype, int64, njit
from numba.types import UniTuple

from steersman.engine.detect.judging import BOUNDS_ROWS, SIGNAL_ROWS

_TELL_AGAIN_MS = 5_000
BEGAN, GREW, ENDED = 1, 2, 3

EVENT = np.dtype(
    [
        ("signal", "i8"), ("code", "i8"), ("t", "i8"), ("begun_t", "i8"), ("direction", "i8"), ("severity", "i8"),
        ("why", "i8"), ("value", "f8"), ("expected", "f8"), ("spread", "f8"), ("score", "f8"), ("slope", "f8"),
    ]
)  # fmt: skip
EVENT_ROWS = from_dtype(EVENT)[::1]


@njit(int64(EVENT_ROWS, int64, SIGNAL_ROWS, int64, int64, int64, float64), cache=True, nogil=True)
def tell(events, told, signals, g, code, t, scatter):  # type: ignore[no-untyped-def]
    """Write an event and return how many there are now."""
    row, event = signals[g], events[told]
    event.signal, event.code, event.t, event.begun_t = g, code, t, row.begun_t
    event.direction, event.severity, event.why = row.active, row.severity, row.why
    event.value, event.expected, event.spread = row.value, row.expected, scatter
    event.score, event.slope = row.score, row.slope
    row.told_t = t
    row.peak = max(row.peak, row.score)
    return told + 1


@njit(
    int64(EVENT_ROWS, int64, SIGNAL_ROWS, BOUNDS_ROWS, int64, int64, float64, UniTuple(int64, 3), float64),
    cache=True,
    nogil=True,
)
def follow(events, told, signals, bounds, g, t, dt, verdict, scatter):  # type: ignore[no-untyped-def]
    """Let badness heat up and cool down; begin, grow and end findings. Returns the number of events."""
    row = signals[g]
    bound = bounds[row.judgement]
    direction, severity, why = verdict
    if direction:
        if row.heat == 0.0:
            row.bad_t, row.bad_n = t, 0
        row.heat = min(row.heat + max(dt, 1.0), bound.persist + 2_000.0)
        row.bad_n += 1
        row.last_bad_t = t
    else:
        row.heat = max(row.heat - dt, 0.0)
    if not row.active:
        # The first bad sample stands for the time since the one before it.
        needed = bound.samples if row.dt < 5_000.0 or row.finer else min(bound.samples, 2)
        if direction and row.bad_n >= needed and row.heat >= bound.persist:
            row.active, row.severity, row.why, row.begun_t = direction, severity, why, row.bad_t
            row.peak = 0.0
            return tell(events, told, signals, g, BEGAN, t, scatter)
        return told
    if direction:
        worse = severity > row.severity or (row.score > 2.0 * row.peak and t - row.told_t >= _TELL_AGAIN_MS)
        if worse:
            row.active, row.why, row.severity = direction, why, max(severity, row.severity)
            return tell(events, told, signals, g, GREW, t, scatter)
        return told
    if t - row.last_bad_t >= max(bound.until, 1.5 * row.dt if bound.until > 0.0 else 0.0):
        told = tell(events, told, signals, g, ENDED, t, scatter)
        row.active = row.severity = row.why = 0
        row.heat = 0.0
    return told
