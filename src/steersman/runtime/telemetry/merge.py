"""Samples from several places brought into one order: by series, then time, one sample per time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import boolean, int32, int64, njit, void
from numba.types import Array

from steersman.runtime.telemetry.head import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_READ32 = Array(int32, 1, "C", readonly=True)
_READ64 = Array(int64, 1, "C", readonly=True)


@njit(void(_READ32, _READ64, _READ64, _READ32, int64[::1], int64[::1], int64[::1]), cache=True, nogil=True)
def _scatter(series, times, bits, ranks, starts, out_times, out_bits):  # type: ignore[no-untyped-def]
    """Counting sort by the series' ranks that keeps the order of arrival; `starts` holds every rank's next slot."""
    for row in range(series.size):
        rank = ranks[series[row]]
        at = starts[rank]
        starts[rank] = at + 1
        out_times[at] = times[row]
        out_bits[at] = bits[row]


@njit(boolean(_READ32, _READ64), cache=True, nogil=True)
def _is_ordered(series, times):  # type: ignore[no-untyped-def]
    for row in range(1, series.size):
        if series[row] < series[row - 1] or (series[row] == series[row - 1] and times[row] <= times[row - 1]):
            return False
    return True


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the parts end to end."""
    if len(parts) == 1:
        return parts[0]
    return Columns(
        np.concatenate([part.series for part in parts]) if parts else np.empty(0, np.int32),
        np.concatenate([part.times for part in parts]) if parts else np.empty(0, np.int64),
        np.concatenate([part.values for part in parts]) if parts else np.empty(0, np.float64),
    )


def counted(parts: Sequence[Columns], count: int) -> NDArray[np.int64]:
    """Return how many samples each series below `count` has in all parts."""
    total = np.zeros(count, np.int64)
    for part in parts:
        total += np.bincount(part.series, minlength=count)
    return total


def gathered(parts: Sequence[Columns], ranks: NDArray[np.int32], counts: NDArray[np.int64]) -> Columns:
    """Return the samples of all parts grouped by rank: series i has rank `ranks[i]`, rank r has `counts[r]` samples.

    Within a series they stay as they came, earlier parts first. The parts are read once and not joined before.
    """
    starts = np.zeros(counts.size + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    times, bits = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.int64)
    slots = starts[:-1].copy()
    for part in parts:
        _scatter(part.series, part.times, part.values.view(np.int64), ranks, slots, times, bits)
    series = np.repeat(np.arange(counts.size, dtype=np.int32), counts)
    return Columns(series, times, bits.view(np.float64))


def grouped(columns: Columns, count: int) -> Columns:
    """Return the samples grouped by series number below `count`; within a series they stay as they came."""
    return gathered([columns], np.arange(count, dtype=np.int32), counted([columns], count))


def ordered(columns: Columns) -> Columns:
    """Return samples that are grouped by series in the order of time; of equal times the first to come stays."""
    if _is_ordered(columns.series, columns.times):
        return columns
    order = np.lexsort((columns.times, columns.series))
    series, times, values = columns.series[order], columns.times[order], columns.values[order]
    fresh = np.ones(series.size, np.bool_)
    fresh[1:] = (np.diff(series) != 0) | (np.diff(times) != 0)
    return Columns(series[fresh], times[fresh], values[fresh])


def offsets_of(series: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Return where each of `count` series begins in a grouped column, and the end."""
    return np.searchsorted(series, np.arange(count + 1)).astype(np.int64)
