"""Cuts UTF-8 text into tokens and hashes them: what the index of logs and spans is made of.

A token is a run of word characters with ASCII letters in lower case, or two neighbouring ideographs (a lone
one is no token: three bytes of UTF-8 are a trigram, which the index keeps anyway). The classes are those of
`model.search`. Bytes that are not UTF-8 are never read beyond their row: what they hash to is unspecified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import int32, int64, njit, types, uint8, uint64

from steersman.model.search import IDEOGRAPHS, SEPARATORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEPARATOR, _WORD, _IDEOGRAPH = 0, 1, 2

# FNV-1a, 64 bits, over bytes; then the finaliser of MurmurHash3, because the index keeps the upper half only.
_FNV_BASIS = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


def _ascii_classes() -> NDArray[np.uint8]:
    """For each byte below 0x80: its folded form when it is part of a word, else 0."""
    table = np.zeros(128, np.uint8)
    for byte in b"0123456789_abcdefghijklmnopqrstuvwxyz":
        table[byte] = byte
    table[ord("A") : ord("Z") + 1] = np.arange(ord("a"), ord("z") + 1)
    return table


_FOLDED = _ascii_classes()
#: What is only read may be a view of memory that must not be written.
_BYTES = types.Array(uint8, 1, "C", readonly=True)
_OFFSETS = types.Array(int64, 1, "C", readonly=True)
_IDEOGRAPHS = np.array(IDEOGRAPHS, np.int64)
_SEPARATORS = np.array(SEPARATORS, np.int64)


@njit(uint64(uint64), cache=True, nogil=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value ^= value >> _SHIFT
    value *= _MIX_1
    value ^= value >> _SHIFT
    value *= _MIX_2
    return value ^ (value >> _SHIFT)


@njit(int64(int64), cache=True, nogil=True)
def _class_of(point):  # type: ignore[no-untyped-def]
    for row in range(_IDEOGRAPHS.shape[0]):
        if _IDEOGRAPHS[row, 0] <= point <= _IDEOGRAPHS[row, 1]:
            return _IDEOGRAPH
    for row in range(_SEPARATORS.shape[0]):
        if _SEPARATORS[row, 0] <= point <= _SEPARATORS[row, 1]:
            return _SEPARATOR
    return _WORD


@njit(types.UniTuple(int64, 2)(_BYTES, int64, int64), cache=True, nogil=True)
def _read_point(data, at, end):  # type: ignore[no-untyped-def]
    """Return the code point at `at` and its length in bytes, which never reaches beyond `end`."""
    lead = np.int64(data[at])
    size = 4 if lead >= 0xF0 else 3 if lead >= 0xE0 else 2 if lead >= 0xC0 else 1
    if at + size > end or size == 1:
        return lead, 1
    point = lead & (0x7F >> size)
    for step in range(1, size):
        point = (point << 6) | (np.int64(data[at + step]) & 0x3F)
    return point, size


@njit(int64(_BYTES, _OFFSETS, uint64[::1], int32[::1]), cache=True, nogil=True)
def _tokenize(data, offsets, hashes, rows):  # type: ignore[no-untyped-def]  # noqa: C901 -- one pass, one state
    """Fill in the hash and the row of every token and return their number."""
    count = 0
    for row in range(offsets.shape[0] - 1):
        at, end = offsets[row], offsets[row + 1]
        open_word = False
        word = _FNV_BASIS
        before = -1  # the ideograph just before `at`
        while at < end:
            byte = data[at]
            if byte < 0x80:
                size = 1
                before = -1
                folded = _FOLDED[byte]
                if folded:
                    word = (word ^ np.uint64(folded)) * _FNV_PRIME
                    open_word = True
                    at += 1
                    continue
            else:
                point, size = _read_point(data, at, end)
                kind = _class_of(point)
                if kind == _WORD:
                    for step in range(size):
                        word = (word ^ np.uint64(data[at + step])) * _FNV_PRIME
                    open_word = True
                    before = -1
                    at += size
                    continue
                if kind == _IDEOGRAPH:
                    if before >= 0:
                        pair = (np.uint64(before) << np.uint64(21)) | np.uint64(point)
                        hashes[count] = _mix((_FNV_BASIS ^ pair) * _FNV_PRIME)
                        rows[count] = row
                        count += 1
                    before = point
                else:
                    before = -1
            if open_word:
                hashes[count] = _mix(word)
                rows[count] = row
                count += 1
                word = _FNV_BASIS
                open_word = False
            at += size
        if open_word:
            hashes[count] = _mix(word)
            rows[count] = row
            count += 1
    return count


def tokenize(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return the hash of every token and the row that it stands in, in the order of the text.

    Row `i` is `data[offsets[i]:offsets[i + 1]]`; offsets ascend and lie inside `data`.
    """
    bytes_used = int(offsets[-1] - offsets[0]) if len(offsets) else 0
    # Every token but the last of a row is followed by at least one byte that is no part of it; pages of
    # these arrays that stay unused are never touched.
    room = bytes_used // 2 + len(offsets) + 1
    hashes = np.empty(room, np.uint64)
    rows = np.empty(room, np.int32)
    count = _tokenize(np.ascontiguousarray(data), np.ascontiguousarray(offsets, np.int64), hashes, rows)
    return hashes[:count].copy(), rows[:count].copy()
