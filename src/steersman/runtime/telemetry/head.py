"""The newest samples in memory: one chain of small chunks per series, in generations.

A generation takes samples until it is sealed into a block; then a new one takes over and the old one is dropped
whole once the block stands in the manifest. Appending costs a few array writes. Nothing here locks: `LiveMetrics`
keeps a reader and a writer apart, because growing replaces the arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numba import int32, int64, njit, uint64, void
from numba.types import Array, UniTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

Item = TypeVar("Item", bound=np.generic)

#: Samples of a chunk: 256 bytes, so a million series at one sample each cost 256 MB; a chain wastes half a chunk.
CHUNK = 16
_NONE = np.int32(-1)
_READ32 = Array(int32, 1, "C", readonly=True)
_READ64 = Array(int64, 1, "C", readonly=True)
_READ_BITS = Array(uint64, 1, "C", readonly=True)

_CHAINS = (int32[::1], int32[::1], int32[::1], int64[::1], uint64[::1], int32[::1])


@njit(int64(*_CHAINS, int64, int64, uint64), cache=True, nogil=True)
def _stored(first, last, fill, times, bits, link, series, time, value):  # type: ignore[no-untyped-def]
    """Say whether a series' chain holds `time`: 0 no, 1 with the same value, 2 with another one."""
    chunk = first[series]
    while chunk >= 0:
        count = fill[series] if chunk == last[series] else CHUNK
        for slot in range(chunk * CHUNK, chunk * CHUNK + count):
            if times[slot] == time:
                return np.int64(1) if bits[slot] == value else np.int64(2)
        chunk = link[chunk]
    return np.int64(0)


@njit(
    UniTuple(int64, 5)(
        *(_READ32, _READ64, _READ_BITS, int64, int64, int64, int64[::1], uint64[::1]),
        *(*_CHAINS, int64, int32[::1], int64[::1], uint64[::1]),
    ),
    cache=True,
    nogil=True,
)
def _append(  # type: ignore[no-untyped-def]
    series, in_times, in_bits, oldest, latest, window, last_time, last_bits,
    first, last, fill, times, bits, link, chunks, out_series, out_times, out_bits,
):  # fmt: skip
    """Append samples. The kept ones are also packed into `out_*`, in order.

    Returns (kept, repeated, too old or too new, conflicting, chunks). Repeated means the same time and value again.
    """
    kept = repeated = outside = conflicting = 0
    for row in range(series.size):
        one = series[row]
        time = in_times[row]
        value = in_bits[row]
        newest = last_time[one]
        # A newest sample that is ahead of now came from a clock that was set back since; it must not lock the series.
        if time < oldest or time > latest or time < min(newest, latest) - window:
            outside += 1
            continue
        if time <= newest:
            if time == newest:
                found = 1 if last_bits[one] == value else 2
            else:
                found = _stored(first, last, fill, times, bits, link, one, time, value)
            if found == 1:
                repeated += 1
                continue
            if found == 2:
                conflicting += 1
                continue
        else:
            last_time[one] = time
            last_bits[one] = value
        chunk = last[one]
        if chunk < 0 or fill[one] == CHUNK:
            link[chunks] = -1
            if chunk < 0:
                first[one] = chunks
            else:
                link[chunk] = chunks
            slot = chunks * CHUNK
            times[slot] = time
            bits[slot] = value
            fill[one] = 1
            last[one] = chunks
            chunks += 1
        else:
            slot = chunk * CHUNK + fill[one]
            times[slot] = time
            bits[slot] = value
            fill[one] += 1
        out_series[kept] = one
        out_times[kept] = time
        out_bits[kept] = value
        kept += 1
    return np.int64(kept), np.int64(repeated), np.int64(outside), np.int64(conflicting), np.int64(chunks)


@njit(
    void(_READ32, int32[::1], int32[::1], int32[::1], int32[::1], _READ64, int64, int64, int64[::1]),
    cache=True,
    nogil=True,
)
def _count(chosen, first, last, fill, link, times, start, end, counts):  # type: ignore[no-untyped-def]
    for i in range(chosen.size):
        series = chosen[i]
        total = 0
        chunk = first[series] if series < first.size else np.int32(-1)
        while chunk >= 0:
            tail = chunk == last[series]
            count = fill[series] if tail else CHUNK
            for slot in range(chunk * CHUNK, chunk * CHUNK + count):
                if start <= times[slot] <= end:
                    total += 1
            chunk = np.int32(-1) if tail else link[chunk]
        counts[i] = total


@njit(
    void(
        *(_READ32, int32[::1], int32[::1], int32[::1], int32[::1], _READ64, uint64[::1], int64, int64),
        *(int64[::1], int64[::1], uint64[::1]),
    ),
    cache=True,
    nogil=True,
)
def _gather(  # type: ignore[no-untyped-def]
    chosen, first, last, fill, link, times, bits, start, end, offsets, out_times, out_bits
):
    """Copy what `_count` counted; `offsets` says where each series begins."""
    for i in range(chosen.size):
        series = chosen[i]
        at = offsets[i]
        chunk = first[series] if series < first.size else np.int32(-1)
        while chunk >= 0:
            tail = chunk == last[series]
            count = fill[series] if tail else CHUNK
            for slot in range(chunk * CHUNK, chunk * CHUNK + count):
                if start <= times[slot] <= end:
                    out_times[at] = times[slot]
                    out_bits[at] = bits[slot]
                    at += 1
            chunk = np.int32(-1) if tail else link[chunk]


def _grown(array: NDArray[Item], used: int, needed: int, filling: int | None = None) -> NDArray[Item]:
    """Return `array` with room for `needed` items, its first `used` kept and the rest filled if asked."""
    if needed <= array.size:
        return array
    larger = np.empty(max(needed, array.size * 2), array.dtype)
    larger[:used] = array[:used]
    if filling is not None:
        larger[used:] = filling
    return larger


@dataclass(frozen=True, slots=True)
class Columns:
    """Samples as parallel arrays: series number, milliseconds UTC, value."""

    series: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: the samples that were kept, and how many were not, by reason."""

    kept: Columns
    repeated: int
    outside: int
    conflicting: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Which times are accepted, in milliseconds: `oldest` to `latest`, and `window` before a series' newest.

    A newest sample behind `latest` counts as if it stood there.
    """

    oldest: int
    latest: int
    window: int


class Newest:
    """The newest sample of every series, over all generations and blocks since the start."""

    def __init__(self) -> None:
        self.size = 0
        self.times = np.full(1024, np.iinfo(np.int64).min // 2, np.int64)
        self.bits = np.zeros(1024, np.uint64)

    def reserve(self, series: int) -> None:
        """Make room for series up to a number; those that are new have no newest sample yet."""
        self.times = _grown(self.times, self.size, series, np.iinfo(np.int64).min // 2)
        self.bits = _grown(self.bits, self.size, series, 0)
        self.size = max(self.size, series)

    def renumber(self, chosen: NDArray[np.int32]) -> None:
        """Give series `chosen[i]` the number i."""
        self.times, self.bits, self.size = self.times[chosen], self.bits[chosen], chosen.size


class Generation:
    """The chains of one span of intake."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.samples = 0
        self.chunks = 0
        self.oldest = np.iinfo(np.int64).max
        self.newest = np.iinfo(np.int64).min
        self._size = 0
        self._first = np.full(1024, _NONE, np.int32)
        self._last = np.full(1024, _NONE, np.int32)
        self._fill = np.zeros(1024, np.int32)
        self._times = np.empty(CHUNK * 256, np.int64)
        self._bits = np.empty(CHUNK * 256, np.uint64)
        self._link = np.empty(256, np.int32)

    @property
    def memory(self) -> int:
        """Bytes that samples have touched so far."""
        return self.chunks * CHUNK * 16 + self._size * 12

    def reserve(self, series: int, samples: int) -> None:
        """Make room for series up to a number and for so many more samples."""
        if series > self._first.size:
            used = self._size
            self._first = _grown(self._first, used, series, -1)
            self._last = _grown(self._last, used, series, -1)
            self._fill = _grown(self._fill, used, series, 0)
        self._size = max(self._size, series)
        # At worst every sample starts a chunk.
        needed = self.chunks + samples
        if needed > self._link.size:
            self._times = _grown(self._times, self.chunks * CHUNK, needed * CHUNK)
            self._bits = _grown(self._bits, self.chunks * CHUNK, needed * CHUNK)
            self._link = _grown(self._link, self.chunks, needed)

    def append(self, batch: Columns, limits: Limits, newest: Newest) -> Appended:
        """Take the samples that the limits allow; `newest` is the last sample of every series."""
        size = batch.series.size
        self.reserve(newest.size, size)
        kept_series, kept_times = np.empty(size, np.int32), np.empty(size, np.int64)
        kept_bits = np.empty(size, np.uint64)
        kept, repeated, outside, conflicting, self.chunks = _append(
            batch.series, batch.times, batch.values.view(np.uint64),
            limits.oldest, limits.latest, limits.window, newest.times, newest.bits,
            self._first, self._last, self._fill, self._times, self._bits, self._link,
            self.chunks, kept_series, kept_times, kept_bits,
        )  # fmt: skip
        columns = Columns(kept_series[:kept], kept_times[:kept], kept_bits[:kept].view(np.float64))
        if kept:
            self.samples += kept
            self.oldest = min(self.oldest, int(columns.times.min()))
            self.newest = max(self.newest, int(columns.times.max()))
        return Appended(columns, repeated, outside, conflicting)

    def gather(self, chosen: NDArray[np.int32], start: int, end: int) -> Columns:
        """Return the samples of the chosen series in `start..end`; series are positions in `chosen`.

        Samples of a series stand in the order of their arrival, which is that of time unless some came late.
        """
        counts = np.zeros(chosen.size, np.int64)
        chains = (self._first, self._last, self._fill, self._link, self._times)
        _count(chosen, *chains, start, end, counts)
        offsets = np.zeros(chosen.size + 1, np.int64)
        np.cumsum(counts, out=offsets[1:])
        out_times, out_bits = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.uint64)
        _gather(chosen, *chains, self._bits, start, end, offsets, out_times, out_bits)
        positions = np.repeat(np.arange(chosen.size, dtype=np.int32), counts)
        return Columns(positions, out_times, out_bits.view(np.float64))

    def has_samples(self, size: int) -> NDArray[np.bool_]:
        """Say for each of the first `size` series whether this generation holds any of its samples."""
        found = np.zeros(size, np.bool_)
        known = min(size, self._size)
        found[:known] = self._first[:known] >= 0
        return found

    def renumber(self, chosen: NDArray[np.int32]) -> None:
        """Give series `chosen[i]` the number i; those that came after this generation have no place in it yet."""
        self.reserve(int(chosen.max(initial=-1)) + 1, 0)
        self._first = self._first[chosen]
        self._last = self._last[chosen]
        self._fill = self._fill[chosen]
        self._size = chosen.size
