"""Label sets as JSON text, straight from their canonical bytes: an answer may name ten thousand series."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numba import int64, njit, uint8

from steersman.engine.series.key_table import BYTES
from steersman.engine.series.label_index import length_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
#: A byte becomes at most six, as in \\u001f.
_WORST = 6
#: What a label adds around its name and value: two pairs of quotes, a colon and a comma, more than its framing took.
_AROUND = 8


@njit(int64(BYTES, int64, int64, uint8[::1], int64, BYTES), cache=True, nogil=True)
def _write_string(data, at, end, out, to, hexadecimal):  # type: ignore[no-untyped-def]
    """Write a JSON string; UTF-8 stays as it is. Returns the position behind it."""
    out[to] = 0x22
    to += 1
    for i in range(at, end):
        byte = data[i]
        if byte in (0x22, 0x5C):
            out[to] = 0x5C
            out[to + 1] = byte
            to += 2
        elif byte < 0x20:
            out[to] = 0x5C
            out[to + 1] = 0x75
            out[to + 2] = 0x30
            out[to + 3] = 0x30
            out[to + 4] = hexadecimal[byte >> 4]
            out[to + 5] = hexadecimal[byte & 15]
            to += 6
        else:
            out[to] = byte
            to += 1
    out[to] = 0x22
    return to + 1


@njit(int64(BYTES, int64[::1], uint8[::1], int64[::1], BYTES), cache=True, nogil=True)
def _write_all(data, bounds, out, ends, hexadecimal):  # type: ignore[no-untyped-def]
    to = np.int64(0)
    for i in range(bounds.size - 1):
        at = bounds[i]
        out[to] = 0x7B
        to += 1
        while at < bounds[i + 1]:
            if at > bounds[i]:
                out[to] = 0x2C
                to += 1
            _, at = length_at(data, at + 1)
            size, start = length_at(data, at + 1)
            to = _write_string(data, start, start + size, out, to, hexadecimal)
            out[to] = 0x3A
            to += 1
            size, start = length_at(data, start + size + 1)
            to = _write_string(data, start, start + size, out, to, hexadecimal)
            at = start + size
        out[to] = 0x7D
        to += 1
        ends[i] = to
    return to


def labels_json(keys: Sequence[bytes]) -> list[str]:
    """Return each label set, given as canonical bytes, as a JSON object."""
    bounds = np.zeros(len(keys) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)), out=bounds[1:])
    joined = b"".join(keys)
    ends: NDArray[np.int64] = np.empty(len(keys), np.int64)
    out = np.empty(_WORST * len(joined) + _AROUND * len(keys), np.uint8)
    written = _write_all(np.frombuffer(joined, np.uint8), bounds, out, ends, _HEX)
    text = out[:written].tobytes()
    starts = [0, *ends.tolist()]
    return [text[start:end].decode() for start, end in itertools.pairwise(starts)]
