"""Samples as the JSON pairs of the Prometheus HTTP API, written by a kernel: an answer may hold millions.

A value is written as Go's shortest format does it. Numbers of up to fifteen digits, which nearly all samples are, are
found by trying decimals: when m / 10**d gives the value back, m with d decimals is its only shortest form of that
length. The others go to a library that knows the whole problem.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import orjson
from numba import int8, int64, njit, uint8
from numba.types import Array, float64, void

from steersman.engine.series.key_table import BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TIMES = Array(int64, 1, "C", readonly=True)
_VALUES = Array(float64, 1, "C", readonly=True)

_HARD, _NAN, _PLUS_INFINITY, _MINUS_INFINITY = -1, -2, -3, -4
#: Mantissas below this have at most fifteen digits, so a decimal that reads back is the shortest one.
_FIFTEEN_DIGITS = 1e15
_MOST_DECIMALS = 15
_POWERS = 10.0 ** np.arange(_MOST_DECIMALS + 1)
#: Go's shortest format turns to an exponent outside this range.
_LEAST_PLAIN, _MOST_PLAIN = 1e-6, 1e21
#: And the library below this.
_LEAST_DECIMAL = 1e-4
#: Two brackets, two quotes, two commas, a time of up to 20 + 4 characters; the value's own characters come on top.
_PAIR = 32
_LONGEST_EASY = 20


@njit(void(_VALUES, Array(float64, 1, "C", readonly=True), int8[::1], int64[::1]), cache=True, nogil=True)
def _decimals(values, powers, kinds, mantissas):  # type: ignore[no-untyped-def]
    """Find for each value the number of decimals and the digits without the point, or a kind below zero."""
    for i in range(values.size):
        value = values[i]
        if value != value:  # noqa: PLR0124 - how a NaN is told without a call
            kinds[i] = _NAN
        elif math.isinf(value):
            kinds[i] = _PLUS_INFINITY if value > 0 else _MINUS_INFINITY
        else:
            kinds[i] = _HARD
            size = abs(value)
            if size != 0 and size < _LEAST_PLAIN:
                continue
            for decimals in range(_MOST_DECIMALS + 1):
                scaled = size * powers[decimals]
                if scaled >= _FIFTEEN_DIGITS:
                    break
                mantissa = np.rint(scaled)
                if mantissa / powers[decimals] == size:
                    kinds[i] = decimals
                    mantissas[i] = np.int64(mantissa)
                    break


@njit(int64(int64, int64, uint8[::1], int64), cache=True, nogil=True)
def _write_digits(number, least, out, to):  # type: ignore[no-untyped-def]
    """Write a number that is not negative with at least so many digits; return the position behind it."""
    size = 1
    rest = number // 10
    while rest > 0:
        size += 1
        rest //= 10
    size = max(size, least)
    for place in range(to + size - 1, to - 1, -1):
        out[place] = 48 + number % 10
        number //= 10
    return to + size


@njit(int64(int64, uint8[::1], int64), cache=True, nogil=True)
def _write_time(milliseconds, out, to):  # type: ignore[no-untyped-def]
    """Write seconds, with three decimals unless they are zero."""
    if milliseconds < 0:
        out[to] = 45
        to += 1
        milliseconds = -milliseconds
    to = _write_digits(milliseconds // 1000, 1, out, to)
    if milliseconds % 1000:
        out[to] = 46
        to = _write_digits(milliseconds % 1000, 3, out, to + 1)
    return to


@njit(int64(BYTES, int64, int64, uint8[::1], int64), cache=True, nogil=True)
def _copy(text, start, end, out, to):  # type: ignore[no-untyped-def]
    for i in range(start, end):
        out[to + i - start] = text[i]
    return to + end - start


@njit(int64(float64, int64, int64, uint8[::1], int64), cache=True, nogil=True)
def _write_easy(value, mantissa, decimals, out, to):  # type: ignore[no-untyped-def]
    """Write a value whose digits are known; minus zero keeps its sign, as in Go."""
    if math.copysign(1.0, value) < 0:
        out[to] = 45
        to += 1
    if decimals == 0:
        return _write_digits(mantissa, 1, out, to)
    unit = np.int64(10) ** decimals
    to = _write_digits(mantissa // unit, 1, out, to)
    out[to] = 46
    return _write_digits(mantissa % unit, decimals, out, to + 1)


@njit(
    int64(_TIMES, _VALUES, int64[::1], int8[::1], int64[::1], BYTES, int64[::1], BYTES, uint8[::1], int64[::1]),
    cache=True,
    nogil=True,
)
def _write_pairs(  # type: ignore[no-untyped-def]
    times, values, offsets, kinds, mantissas, hard, hard_bounds, words, out, ends
):
    """Write `[time,"value"]` of every sample, with commas inside a series; `ends` takes where each series ends."""
    to = np.int64(0)
    next_hard = 0
    for series in range(offsets.size - 1):
        for i in range(offsets[series], offsets[series + 1]):
            if i > offsets[series]:
                out[to] = 44
                to += 1
            out[to] = 91
            to = _write_time(times[i], out, to + 1)
            out[to] = 44
            out[to + 1] = 34
            to += 2
            kind = kinds[i]
            if kind >= 0:
                to = _write_easy(values[i], mantissas[i], np.int64(kind), out, to)
            elif kind == _HARD:
                to = _copy(hard, hard_bounds[next_hard], hard_bounds[next_hard + 1] - 1, out, to)
                next_hard += 1
            elif kind == _NAN:
                to = _copy(words, 0, 3, out, to)
            elif kind == _PLUS_INFINITY:
                to = _copy(words, 3, 7, out, to)
            else:
                to = _copy(words, 7, 11, out, to)
            out[to] = 34
            out[to + 1] = 93
            to += 2
        ends[series] = to
    return to


_WORDS = np.frombuffer(b"NaN+Inf-Inf", np.uint8)


def _hard_text(text: bytes, value: float) -> bytes:
    """Turn a shortest form with an exponent into Go's: plain inside its range, two digits of exponent outside."""
    if b"e" not in text:
        return text.removesuffix(b".0")
    if _LEAST_PLAIN <= abs(value) < _MOST_PLAIN:
        return np.format_float_positional(value, trim="-").encode()
    return repr(value).encode()


def _hard_texts(values: NDArray[np.float64]) -> tuple[bytes, NDArray[np.int64]]:
    """Return the texts of values end to end, each followed by a comma, and where each begins."""
    if not values.size:
        return b"", np.zeros(1, np.int64)
    text = orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1] + b","
    size = np.abs(values)
    # The library puts an exponent on others than Go does, and a point behind whole numbers.
    odd = np.flatnonzero((size < _LEAST_DECIMAL) | (size >= _FIFTEEN_DIGITS))
    if odd.size:
        starts = _starts(text)
        parts = []
        done = 0
        for place in odd.tolist():
            start, end = int(starts[place]), int(starts[place + 1]) - 1
            parts += [text[done:start], _hard_text(text[start:end], float(values[place]))]
            done = end
        text = b"".join([*parts, text[done:]])
    return text, _starts(text)


def _starts(text: bytes) -> NDArray[np.int64]:
    """Return where each of the texts begins, and the end."""
    return np.concatenate([[0], np.flatnonzero(np.frombuffer(text, np.uint8) == ord(",")) + 1])


def pairs_json(times: NDArray[np.int64], values: NDArray[np.float64], offsets: NDArray[np.int64]) -> list[str]:
    """Return the samples of each series `offsets[i]:offsets[i + 1]` as `[time,"value"],...`; times are milliseconds."""
    kinds, mantissas = np.empty(values.size, np.int8), np.empty(values.size, np.int64)
    values = np.ascontiguousarray(values)
    _decimals(values, _POWERS, kinds, mantissas)
    hard, bounds = _hard_texts(values[kinds == _HARD])
    out = np.empty(values.size * (_PAIR + _LONGEST_EASY) + len(hard), np.uint8)
    ends = np.empty(offsets.size - 1, np.int64)
    written = _write_pairs(
        np.ascontiguousarray(times), values, offsets, kinds, mantissas,
        np.frombuffer(hard, np.uint8), bounds, _WORDS, out, ends,
    )  # fmt: skip
    text = out[:written].tobytes().decode("ascii")
    starts = [0, *ends.tolist()]
    return [text[start:end] for start, end in itertools.pairwise(starts)]
