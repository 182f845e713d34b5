"""Composes fourteen days out of a recording of minutes, so that a watcher knows days and weeks before a drill begins.

What is in these days is measured and only its order is not: the days are walked in steps of a minute along the load
curve below, and each minute is one recorded second of the level that the curve asks for, taken in the order in which
the seconds were recorded, round and round. A gauge has the value of that second; a counter rises by sixty times what
it rose in that second; a clock keeps its distance from the true time. There are no random numbers and no added noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steersman.services.operations.commands.drill.recording import Recording

if TYPE_CHECKING:
    from numpy import bool_, float64, int64
    from numpy.typing import NDArray

STEP_SECONDS = 60
DAYS = 14
_HOUR_SECONDS = 3_600
_STEPS_AN_HOUR = _HOUR_SECONDS // STEP_SECONDS

#: The load of a working day by the hours after the hour of the drill, which has the ordinary load: 1. Around it the
#: day is flat for two hours, so that a drill of 45 minutes stays on its level.
_WORKDAY = (
    1.0,
    1.0,
    1.3,
    1.6,
    1.6,
    1.3,
    1.3,
    1.0,
    0.8,
    0.6,
    0.6,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.4,
    0.6,
    0.6,
    0.8,
    0.8,
    1.0,
    1.0,
    1.0,
)
#: Two days of rest in a week, in days before the drill; nobody drills on a day of rest.
_RESTDAYS = frozenset({2, 3})
_REST_SHARE = 0.6

#: The levels that the curve asks for.
LEVELS = (0.4, 0.6, 0.8, 1.0, 1.3, 1.6)


@dataclass(frozen=True, slots=True)
class Hour:
    """One composed hour: `values[step, series]` with the times of its steps in milliseconds UTC."""

    times: NDArray[int64]
    values: NDArray[float64]


def load_at(hours_before: int) -> float:
    """The load in the hour that begins so many hours before the drill, as a share of the ordinary one."""
    load = _WORKDAY[-hours_before % 24]
    # The hours of a day are those from half a day before the drill's hour to half a day after it.
    rest = ((hours_before + 12) // 24) % 7 in _RESTDAYS
    return load * _REST_SHARE if rest else load


def compose(found: Recording, end_ms: int, days: int = DAYS) -> Iterator[Hour]:
    """Yield the hours of the days before `end_ms` in their order."""
    clocks = _clocks(found)
    rises = found.cumulative & ~clocks
    rates = _rates(found)
    level_now = np.nanmin(np.where(np.isnan(found.values), np.inf, found.values), axis=(0, 1))
    total = np.where(np.isfinite(level_now), level_now, 0.0)
    places = [0] * len(found.levels)
    for hours_before in range(days * 24, 0, -1):
        level = _nearest(found.levels, load_at(hours_before))
        seconds = (places[level] + np.arange(_STEPS_AN_HOUR)) % (found.seconds - 1) + 1
        places[level] += _STEPS_AN_HOUR
        times = end_ms - hours_before * _HOUR_SECONDS * 1000 + np.arange(_STEPS_AN_HOUR) * STEP_SECONDS * 1000
        values = found.values[level][seconds]
        rise = np.cumsum(np.nan_to_num(rates[level][seconds - 1]) * STEP_SECONDS, axis=0)
        values[:, rises] = np.where(np.isnan(values), np.nan, total + rise)[:, rises]
        total = total + rise[-1]
        values[:, clocks] += times[:, None] / 1000 - found.times[level][seconds][:, clocks]
        yield Hour(times, values)


def _nearest(levels: tuple[float, ...], load: float) -> int:
    return min(range(len(levels)), key=lambda place: (abs(levels[place] - load), place))


def _rates(found: Recording) -> NDArray[float64]:
    """What each series rose by in each recorded second but the first; a restart in between counts as no rise."""
    return np.maximum(np.diff(found.values, axis=1), 0.0)


def _clocks(found: Recording) -> NDArray[bool_]:
    """Series that tell the time: they go on as fast as it does, and were near it all along."""
    near = np.all(np.isnan(found.values) | (np.abs(found.values - found.times) < 86_400), axis=(0, 1))
    slow = (found.values[:, -1] - found.values[:, 0]) - (found.times[:, -1] - found.times[:, 0])
    moved = np.all(np.isnan(slow) | (np.abs(slow) < 2.0), axis=0)
    told: NDArray[bool_] = near & moved & ~np.all(np.isnan(found.values), axis=(0, 1))
    return told
