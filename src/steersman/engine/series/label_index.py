"""Which series carry which label: pairs are numbered like keys, and postings are rebuilt as the set grows.

The newest series are not in the postings yet; they are few, and their pairs are scanned as one array.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from numba import int32, int64, njit, void
from numba.types import UniTuple

from steersman.engine.series.key_table import BYTES, TABLE, KeyTable, find_or_add, grown
from steersman.model.labels import decode_label, encode_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Series that are registered at a time: bounds the room that is reserved for pairs that may turn out to be known.
_STEP = 4096
#: The postings are rebuilt when this share of the series is not in them, which keeps the cost per series constant.
_STALE_SHARE = 0.125
_LEAST_STALE = 4096


@njit(UniTuple(int64, 2)(BYTES, int64), cache=True, nogil=True)
def length_at(data, at):  # type: ignore[no-untyped-def]
    """Read a length in canonical bytes, which are known to be whole. Returns (length, position behind it)."""
    value = np.int64(0)
    shift = np.int64(0)
    while True:
        byte = np.int64(data[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


@njit(int64(BYTES, int64, int64), cache=True, nogil=True)
def _count_labels(data, at, end):  # type: ignore[no-untyped-def]
    count = np.int64(0)
    while at < end:
        size, start = length_at(data, at + 1)
        at = start + size
        count += 1
    return count


@njit(
    UniTuple(int64, 2)(BYTES, int64[::1], int32[::1], int64, int64, *TABLE, int64, int64[::1], int32[::1]),
    cache=True,
    nogil=True,
)
def _number_pairs(  # type: ignore[no-untyped-def]
    arena, ends, key_of, first, last, pairs, pair_ends, hashes, scopes, slots, size, bounds, out
):
    """Append the pair numbers of series `first..last` to `out`. Returns (pairs known now, pairs written)."""
    written = bounds[first]
    for series in range(first, last):
        at = ends[key_of[series]]
        end = ends[key_of[series] + 1]
        while at < end:
            length, start = length_at(arena, at + 1)
            at = start + length
            number = find_or_add(pairs, pair_ends, hashes, scopes, slots, arena, start, at, np.int32(0), np.int32(size))
            if number == size:
                size += 1
            out[written] = number
            written += 1
        bounds[series + 1] = written
    return np.int64(size), np.int64(written)


@njit(int64(BYTES, int64[::1], int32[::1], int64, int64), cache=True, nogil=True)
def _count_all(arena, ends, key_of, first, last):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for series in range(first, last):
        total += _count_labels(arena, ends[key_of[series]], ends[key_of[series] + 1])
    return total


@njit(void(int32[::1], int64[::1], int64, int64[::1], int32[::1]), cache=True, nogil=True)
def _sort_postings(pair_of, bounds, series_count, starts, out):  # type: ignore[no-untyped-def]
    """Counting sort of (pair, series); `starts` comes in as the first slot of every pair."""
    for series in range(series_count):
        for i in range(bounds[series], bounds[series + 1]):
            pair = pair_of[i]
            out[starts[pair]] = series
            starts[pair] += 1


class LabelIndex:
    """Postings over the series of a key table. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self.pairs = KeyTable()
        self.size = 0
        self._bounds = np.zeros(1025, np.int64)
        self._pair_of = np.empty(8192, np.int32)
        self._named = 0
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._postings_size = 0
        self._starts = np.zeros(1, np.int64)
        self._postings = np.empty(0, np.int32)

    def extend(self, keys: KeyTable, key_of: NDArray[np.int32], size: int) -> None:
        """Take in the series up to `size`."""
        arena, ends = keys.arena, keys.ends
        while self.size < size:
            last = min(self.size + _STEP, size)
            labels = int(_count_all(arena, ends, key_of, self.size, last))
            fresh = key_of[self.size : last]
            content = int(np.sum(ends[fresh + 1] - ends[fresh]))
            self.pairs.reserve(labels, content)
            self._bounds = grown(self._bounds, self.size + 1, last + 1)
            used = int(self._bounds[self.size])
            self._pair_of = grown(self._pair_of, used, used + labels)
            self.pairs.size = int(
                _number_pairs(
                    arena,
                    ends,
                    key_of,
                    self.size,
                    last,
                    *self.pairs.arrays,
                    self.pairs.size,
                    self._bounds,
                    self._pair_of,
                )[0]
            )
            self.size = last
        if self.size - self._postings_size > max(_LEAST_STALE, _STALE_SHARE * self.size):
            self._rebuild_postings()

    def _rebuild_postings(self) -> None:
        used = int(self._bounds[self.size])
        starts = np.zeros(self.pairs.size + 1, np.int64)
        np.cumsum(np.bincount(self._pair_of[:used], minlength=self.pairs.size), out=starts[1:])
        postings = np.empty(used, np.int32)
        _sort_postings(self._pair_of, self._bounds, self.size, starts[:-1].copy(), postings)
        self._starts, self._postings, self._postings_size = starts, postings, self.size

    def _name_pairs(self) -> None:
        for number in range(self._named, self.pairs.size):
            name, _ = self.pair(number)
            self._by_name[name].append(number)
        self._named = self.pairs.size

    def pair(self, number: int) -> tuple[str, str]:
        """Return the name and the value of a pair."""
        return decode_label(self.pairs.key(number))

    def names(self) -> list[str]:
        """Return every label name that was ever seen, in the order of first appearance."""
        self._name_pairs()
        return list(self._by_name)

    def pairs_named(self, name: str) -> list[int]:
        """Return the numbers of all pairs with this name."""
        self._name_pairs()
        return self._by_name.get(name, [])

    def find(self, name: str, value: str) -> int:
        """Return the number of a pair, or -1."""
        return self.pairs.find(encode_label(name, value))

    def series_with(self, pair: int) -> NDArray[np.int32]:
        """Return the series that carry a pair, in rising order."""
        sealed = (
            self._postings[self._starts[pair] : self._starts[pair + 1]]
            if pair + 1 < self._starts.size
            else self._postings[:0]
        )
        start, end = int(self._bounds[self._postings_size]), int(self._bounds[self.size])
        hits = np.flatnonzero(self._pair_of[start:end] == pair)
        if not hits.size:
            return sealed
        fresh = np.searchsorted(self._bounds[: self.size + 1], hits + start, side="right") - 1
        return np.concatenate([sealed, fresh.astype(np.int32)])

    def pairs_of(self, series: int) -> NDArray[np.int32]:
        """Return the pair numbers of one series, in the order of its label names."""
        return self._pair_of[self._bounds[series] : self._bounds[series + 1]]

    def pair_numbers(self, series: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the distinct pair numbers of some series."""
        if series.size == self.size:
            return np.unique(self._pair_of[: self._bounds[self.size]])
        if not series.size:
            return np.empty(0, np.int32)
        return np.unique(np.concatenate([self.pairs_of(int(one)) for one in series]))
