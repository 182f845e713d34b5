"""The arrays that detection keeps between rounds, one record per series, source and signal.

They are NumPy records, so that they grow in place, go into a snapshot as they are, and are read by the kernels by
field name. A plain signal costs some 1,000 bytes with its profile; the derived ones, a few per service, also have a
ring of the last ten minutes for diagnosis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steersman.model.errors import InvalidInput

#: Five-minute slots of a day and hours of a week.
DAILY, WEEKLY = 288, 168
#: Ten minutes of points that are at least `RING_STEP_MS` apart.
RING, RING_STEP_MS = 320, 1_900

SERIES = np.dtype(
    [
        ("last_t", "i8"),  # ms of the last sample, 0 before the first
        ("last_v", "f8"),
        ("part", "f8"),  # what it adds to its signals now; NaN: nothing
        ("scale", "f8"),
        ("gap", "f4"),  # learnt interval in ms
        ("source", "i4"),
        ("reading", "u1"),
    ],
    align=True,
)

SOURCE = np.dtype(
    [
        ("first_t", "i8"),
        ("last_t", "i8"),
        ("before_t", "i8"),  # the distinct time before the last one
        ("live_t", "i8"),  # the last time that was not taught from the past
        ("gap", "f4"),
        ("missing", "u1"),
        ("since_t", "i8"),
    ],
    align=True,
)

SIGNAL = np.dtype(
    [
        ("formula", "u1"),
        ("across", "u1"),
        ("judgement", "u1"),
        ("active", "u1"),  # 0 or 1 + Direction in kernels: 1 high, 2 low, 3 stuck
        ("severity", "u1"),
        ("why", "u1"),
        ("finer", "u1"),  # how many samples in a row came in less than a quarter of the interval
        ("days", "i2"),  # how many days the profile has seen
        ("bad_n", "i4"),
        ("ring", "i4"),
        ("n", "i4"),  # samples learnt from, saturating
        ("t", "i8"),
        ("first_t", "i8"),
        ("value", "f8"),
        ("over", "f8"),  # the denominator's (or the whole) rate: how much speaks for the value
        ("offset", "f8"),  # learnt level, on top of the profile once there is one
        ("spread", "f4"),
        ("dt", "f4"),  # learnt interval in ms
        ("expected", "f8"),
        ("score", "f4"),
        ("peak", "f4"),
        ("heat", "f4"),  # ms of badness that has not cooled down
        ("bad_t", "i8"),  # when it began to be bad
        ("last_bad_t", "i8"),
        ("begun_t", "i8"),
        ("told_t", "i8"),
        ("shift_t", "i8"),  # since when all samples are off in one direction
        ("shift", "f8"),  # their level
        ("sum_high", "f4"),  # CUSUM upwards and downwards
        ("sum_low", "f4"),
        ("owed", "f4"),  # events that should have come since the last one
        ("changing", "f4"),  # share of samples that differ from the one before
        ("same_n", "i4"),
        ("episode", "f8"),  # how far a plain signal went since it was usual last
        ("reach", "f8"),  # how far it went before, fading: what it does now and then is no news
        ("num", "f8"),  # smoothed numerator and denominator of a ratio
        ("den", "f8"),
        ("slope", "f8"),  # per second, when it grows steadily
        ("anchor", "f8"),  # what profile slots deviate from
        ("quantum", "f8"),  # the unit of a profile slot
        ("slot", "i8"),  # the current five-minute slot since the epoch, with its sum and number
        ("slot_sum", "f8"),
        ("slot_n", "i4"),
        ("hour", "i8"),
        ("hour_sum", "f8"),
        ("hour_n", "i4"),
        ("slots", "i4"),  # how many slots were learnt
    ],
    align=True,
)


def grown(array: NDArray[Any], used: int, needed: int) -> NDArray[Any]:
    """Return an array with room for `needed` rows of zeros behind those used. Untouched pages cost no memory."""
    if needed <= array.shape[0]:
        return array
    larger = np.zeros((max(needed, array.shape[0] * 5 // 4, 64), *array.shape[1:]), array.dtype)
    kept = min(used, array.shape[0])
    larger[:kept] = array[:kept]
    return larger


@dataclass(slots=True)
class Columns:
    """All mutable arrays, each with the number of rows in use."""

    series: NDArray[Any] = field(default_factory=lambda: np.zeros(64, SERIES))
    sources: NDArray[Any] = field(default_factory=lambda: np.zeros(8, SOURCE))
    signals: NDArray[Any] = field(default_factory=lambda: np.zeros(64, SIGNAL))
    daily: NDArray[np.int16] = field(default_factory=lambda: np.zeros((64, DAILY), np.int16))
    weekly: NDArray[np.int8] = field(default_factory=lambda: np.zeros((64, WEEKLY), np.int8))
    ring_t: NDArray[np.int64] = field(default_factory=lambda: np.zeros((8, RING), np.int64))
    ring_v: NDArray[np.float32] = field(default_factory=lambda: np.zeros((8, RING), np.float32))
    ring_n: NDArray[np.int64] = field(default_factory=lambda: np.zeros(8, np.int64))
    series_n: int = 0
    sources_n: int = 0
    signals_n: int = 0
    rings_n: int = 0

    def add_series(self, reading: int, scale: float, source: int) -> int:
        """Begin a series and return its number."""
        number = self.series_n
        self.series = grown(self.series, number, number + 1)
        row = self.series[number]
        row["part"], row["scale"], row["source"], row["reading"] = np.nan, scale, source, reading
        self.series_n += 1
        return number

    def add_source(self) -> int:
        """Begin a source and return its number."""
        self.sources = grown(self.sources, self.sources_n, self.sources_n + 1)
        self.sources_n += 1
        return self.sources_n - 1

    def add_signal(self, formula: int, across: int, judgement: int, *, ring: bool) -> int:
        """Begin a signal and return its number."""
        number = self.signals_n
        self.signals = grown(self.signals, number, number + 1)
        self.daily = grown(self.daily, number, number + 1)
        self.weekly = grown(self.weekly, number, number + 1)
        row = self.signals[number]
        row["formula"], row["across"], row["judgement"], row["ring"] = formula, across, judgement, -1
        row["value"] = row["expected"] = np.nan
        if ring:
            row["ring"] = self._add_ring()
        self.signals_n += 1
        return number

    def _add_ring(self) -> int:
        number = self.rings_n
        self.ring_t = grown(self.ring_t, number, number + 1)
        self.ring_v = grown(self.ring_v, number, number + 1)
        self.ring_n = grown(self.ring_n, number, number + 1)
        self.rings_n += 1
        return number

    def export(self) -> dict[str, NDArray[Any]]:
        """Return copies of the rows in use."""
        return {
            "series": self.series[: self.series_n].copy(),
            "sources": self.sources[: self.sources_n].copy(),
            "signals": self.signals[: self.signals_n].copy(),
            "daily": self.daily[: self.signals_n].copy(),
            "weekly": self.weekly[: self.signals_n].copy(),
            "ring_t": self.ring_t[: self.rings_n].copy(),
            "ring_v": self.ring_v[: self.rings_n].copy(),
            "ring_n": self.ring_n[: self.rings_n].copy(),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `export` returned, for the same series in the same order."""
        for name in ("series", "sources", "signals", "daily", "weekly", "ring_t", "ring_v", "ring_n"):
            kept, own = arrays[name], getattr(self, name)
            if kept.dtype != own.dtype or kept.shape[1:] != own.shape[1:] or kept.shape[0] > own.shape[0]:
                raise InvalidInput(f"the snapshot's {name} are of another version")
            own[: kept.shape[0]] = kept
