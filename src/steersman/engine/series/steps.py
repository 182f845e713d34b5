"""Samples at the steps of a range query: the last one within the lookback, unless it ended the series."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import int64, njit, uint64
from numba.types import Array

from steersman.model.telemetry import STALE_NAN_BITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TIMES = Array(int64, 1, "C", readonly=True)
_BITS = Array(uint64, 1, "C", readonly=True)
_STALE = np.uint64(STALE_NAN_BITS)


@njit(int64(_TIMES, _BITS, _TIMES, _TIMES, int64, int64, int64[::1], int64[::1], uint64[::1]), cache=True, nogil=True)
def _sample_steps(  # type: ignore[no-untyped-def]
    times, bits, offsets, steps, offset, lookback, out_offsets, out_times, out_bits
):
    written = np.int64(0)
    for series in range(offsets.size - 1):
        at = offsets[series]
        end = offsets[series + 1]
        for step in steps:
            looked = step - offset
            while at < end and times[at] <= looked:
                at += 1
            last = at - 1
            if last >= offsets[series] and times[last] >= looked - lookback and bits[last] != _STALE:
                out_times[written] = step
                out_bits[written] = bits[last]
                written += 1
        out_offsets[series + 1] = written
    return written


def is_stale(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which values are staleness markers."""
    return np.equal(np.ascontiguousarray(values).view(np.uint64), _STALE)


def at_steps(
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    offsets: NDArray[np.int64],
    steps: NDArray[np.int64],
    *,
    offset: int,
    lookback: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return (offsets, steps, values) of series that hold the samples `offsets[i]:offsets[i + 1]`, ordered by time.

    A step sees the time `step - offset` and the `lookback` before it, both ends included. All times are milliseconds.
    """
    room = (offsets.size - 1) * steps.size
    out_offsets, out_times = np.zeros(offsets.size, np.int64), np.empty(room, np.int64)
    out_bits = np.empty(room, np.uint64)
    bits = np.ascontiguousarray(values).view(np.uint64)
    columns = (np.ascontiguousarray(times), bits, np.ascontiguousarray(offsets), np.ascontiguousarray(steps))
    written = _sample_steps(*columns, offset, lookback, out_offsets, out_times, out_bits)
    return out_offsets, out_times[:written], out_bits[:written].view(np.float64)
