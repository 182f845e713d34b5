"""A byte-string table: every distinct key gets the next number, and is found again by hash and verified bytes.

The keys lie end to end in one array, so a million of them cost their bytes and 28 more each. Keys are never
removed: a table that has grown stale is replaced by a smaller one. The kernels never read outside the ranges
they are given; whoever calls them has reserved room for what may be inserted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numba import boolean, int32, int64, njit, uint8, uint64, void
from numba.types import Array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Item = TypeVar("Item", bound=np.generic)

#: Bytes that a kernel only reads: a view of a Python `bytes` is read-only, and a writable array may stand in for one.
BYTES = Array(uint8, 1, "C", readonly=True)
#: The arrays of a table in the order of `KeyTable.arrays`.
TABLE = (uint8[::1], int64[::1], uint64[::1], int32[::1], int32[::1])

#: Odd constants from the golden ratio and from the fractional part of sqrt(3): they only have to mix bits.
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_SEED = np.uint64(0xBB67AE8584CAA73B)


@njit(uint64(BYTES, int64, int64, int32), cache=True, nogil=True, inline="never")
def hash_bytes(data, start, end, scope):  # type: ignore[no-untyped-def]
    """Return a 64-bit hash of `data[start:end]` within a scope (the tenant's number)."""
    state = _SEED ^ (np.uint64(scope) * _MULTIPLY) ^ np.uint64(end - start)
    at = start
    while at + 8 <= end:
        word = (
            np.uint64(data[at])
            | np.uint64(data[at + 1]) << np.uint64(8)
            | np.uint64(data[at + 2]) << np.uint64(16)
            | np.uint64(data[at + 3]) << np.uint64(24)
            | np.uint64(data[at + 4]) << np.uint64(32)
            | np.uint64(data[at + 5]) << np.uint64(40)
            | np.uint64(data[at + 6]) << np.uint64(48)
            | np.uint64(data[at + 7]) << np.uint64(56)
        )
        state = (state ^ word) * _MULTIPLY
        state ^= state >> np.uint64(29)
        at += 8
    while at < end:
        state = (state ^ np.uint64(data[at])) * _MULTIPLY
        at += 1
    state ^= state >> np.uint64(32)
    state *= _MULTIPLY
    return state ^ (state >> np.uint64(29))


@njit(boolean(BYTES, int64, BYTES, int64, int64), cache=True, nogil=True, inline="never")
def same_bytes(left, left_at, right, right_at, size):  # type: ignore[no-untyped-def]
    """Compare without an early exit: a loop without a branch is vectorised, and most comparisons succeed.

    The positions are unsigned: a signed index might be negative, and that check costs thirty times the comparison.
    """
    left_first, right_first = np.uint64(left_at), np.uint64(right_at)
    difference = np.uint8(0)
    for i in range(np.uint64(size)):
        difference |= left[left_first + i] ^ right[right_first + i]
    return difference == 0


@njit(int32(*TABLE, BYTES, int64, int64, int32, uint64), cache=True, nogil=True)
def find(arena, ends, hashes, scopes, slots, data, start, end, scope, hashed):  # type: ignore[no-untyped-def]
    """Return the number of key `data[start:end]` in a scope, or -1."""
    mask = np.uint64(slots.size - 1)
    slot = hashed & mask
    while True:
        number = slots[np.int64(slot)] - 1
        if number < 0:
            return np.int32(-1)
        if hashes[number] == hashed and scopes[number] == scope:
            begin = ends[number]
            if ends[number + 1] - begin == end - start and same_bytes(arena, begin, data, start, end - start):
                return np.int32(number)
        slot = (slot + np.uint64(1)) & mask


@njit(int32(*TABLE, BYTES, int64, int64, int32, int32), cache=True, nogil=True)
def find_or_add(arena, ends, hashes, scopes, slots, data, start, end, scope, size):  # type: ignore[no-untyped-def]
    """Return the key's number; it is `size` when the key was new and has been added."""
    hashed = hash_bytes(data, start, end, scope)
    number = find(arena, ends, hashes, scopes, slots, data, start, end, scope, hashed)
    if number >= 0:
        return number
    begin = ends[size]
    for i in range(end - start):
        arena[begin + i] = data[start + i]
    ends[size + 1] = begin + end - start
    hashes[size] = hashed
    scopes[size] = scope
    mask = np.uint64(slots.size - 1)
    slot = hashed & mask
    while slots[np.int64(slot)] != 0:
        slot = (slot + np.uint64(1)) & mask
    slots[np.int64(slot)] = size + 1
    return np.int32(size)


@njit(int32(*TABLE, int32, BYTES, int64[::1], int32, int32[::1]), cache=True, nogil=True)
def _add_many(arena, ends, hashes, scopes, slots, size, data, bounds, scope, out):  # type: ignore[no-untyped-def]
    for i in range(bounds.size - 1):
        number = find_or_add(arena, ends, hashes, scopes, slots, data, bounds[i], bounds[i + 1], scope, size)
        out[i] = number
        if number == size:
            size += 1
    return np.int32(size)


@njit(void(uint64[::1], int32, int32[::1]), cache=True, nogil=True)
def _rehash(hashes, size, slots):  # type: ignore[no-untyped-def]
    mask = np.uint64(slots.size - 1)
    for number in range(size):
        slot = hashes[number] & mask
        while slots[np.int64(slot)] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[np.int64(slot)] = number + 1


def grown(array: NDArray[Item], used: int, needed: int) -> NDArray[Item]:
    """Return `array` with room for `needed` items, its first `used` kept. Untouched pages cost no memory."""
    if needed <= array.size:
        return array
    larger = np.empty(max(needed, array.size * 2), array.dtype)
    larger[:used] = array[:used]
    return larger


class KeyTable:
    """Numbers byte strings within a scope, from 0 upwards in the order of their first appearance."""

    def __init__(self) -> None:
        self.size = 0
        self.arena = np.empty(1 << 16, np.uint8)
        self.ends = np.zeros(1025, np.int64)
        self.hashes = np.empty(1024, np.uint64)
        self.scopes = np.empty(1024, np.int32)
        self.slots = np.zeros(4096, np.int32)

    @property
    def arrays(
        self,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64], NDArray[np.int32], NDArray[np.int32]]:
        """The table as the kernels take it."""
        return self.arena, self.ends, self.hashes, self.scopes, self.slots

    def reserve(self, keys: int, content: int) -> None:
        """Make room for so many more keys with so many more bytes in all."""
        needed = self.size + keys
        self.arena = grown(self.arena, int(self.ends[self.size]), int(self.ends[self.size]) + content)
        self.ends = grown(self.ends, self.size + 1, needed + 1)
        self.hashes = grown(self.hashes, self.size, needed)
        self.scopes = grown(self.scopes, self.size, needed)
        if needed * 2 > self.slots.size:
            slots = np.zeros(1 << (needed * 2).bit_length(), np.int32)
            _rehash(self.hashes, self.size, slots)
            self.slots = slots

    def find(self, key: bytes, scope: int = 0) -> int:
        """Return the key's number, or -1."""
        data = np.frombuffer(key, np.uint8)
        hashed = hash_bytes(data, 0, data.size, scope)
        return int(find(*self.arrays, data, 0, data.size, scope, hashed))

    def add_many(self, keys: Sequence[bytes], scope: int = 0) -> NDArray[np.int32]:
        """Return the number of every key, adding those that are new."""
        bounds = np.zeros(len(keys) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)), out=bounds[1:])
        return self.add_joined(np.frombuffer(b"".join(keys), np.uint8), bounds, scope)

    def add_joined(self, data: NDArray[np.uint8], bounds: NDArray[np.int64], scope: int = 0) -> NDArray[np.int32]:
        """Like `add_many`, for keys `data[bounds[i]:bounds[i + 1]]`."""
        out = np.empty(bounds.size - 1, np.int32)
        self.reserve(out.size, data.size)
        self.size = int(_add_many(*self.arrays, self.size, data, bounds, scope, out))
        return out

    def key(self, number: int) -> bytes:
        """Return a key's bytes."""
        return self.arena[self.ends[number] : self.ends[number + 1]].tobytes()

    def scope(self, number: int) -> int:
        """Return the scope that a key belongs to."""
        return int(self.scopes[number])
