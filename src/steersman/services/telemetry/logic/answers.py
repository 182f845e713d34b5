"""The JSON of the Prometheus HTTP API, written without building an object per sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from steersman.engine.series.json_labels import labels_json
from steersman.model.telemetry import STALE_NAN_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Beyond this a float64 no longer holds every integer, so its digits are taken from the shortest form that reads back.
_EXACT_INTEGERS = 2.0**53
#: Go's shortest format, which Prometheus uses, turns to an exponent outside this range.
_LEAST_PLAIN, _MOST_PLAIN = 1e-6, 1e21


def time_text(milliseconds: int) -> str:
    """Return a time as Prometheus writes it: seconds, with three decimals unless they are zero."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds}.{rest:03d}" if rest else str(seconds)


def value_text(value: float) -> str:
    """Return a value as Go's shortest float format does."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    if "e" in text and _LEAST_PLAIN <= abs(value) < _MOST_PLAIN:
        return np.format_float_positional(value, trim="-")
    return text


def _value_texts(values: NDArray[np.float64]) -> list[str]:
    """Like `value_text` for many; whole numbers, which most samples are, take a short cut."""
    whole = np.isfinite(values) & (np.abs(values) < _EXACT_INTEGERS)
    whole &= (values == np.trunc(np.where(whole, values, 0.5))) & ((values != 0) | ~np.signbit(values))
    if whole.all():
        return list(map(str, values.astype(np.int64).tolist()))
    return [value_text(value) for value in values.tolist()]


def _pairs(times: NDArray[np.int64], values: NDArray[np.float64]) -> list[str]:
    unique, places = np.unique(times, return_inverse=True)
    texts = [time_text(time) for time in unique.tolist()]
    return [f'[{texts[place]},"{value}"]' for place, value in zip(places.tolist(), _value_texts(values), strict=True)]


def is_stale(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which values are staleness markers."""
    return np.ascontiguousarray(values).view(np.uint64) == np.uint64(STALE_NAN_BITS)


def vector(keys: Sequence[bytes], time_ms: int, values: NDArray[np.float64]) -> str:
    """Return the data of an instant query: one value per series, at the time of the question."""
    time = time_text(time_ms)
    rows = (
        f'{{"metric":{labels},"value":[{time},"{value}"]}}'
        for labels, value in zip(labels_json(keys), _value_texts(values), strict=True)
    )
    return f'{{"resultType":"vector","result":[{",".join(rows)}]}}'


def matrix(
    keys: Sequence[bytes], offsets: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
) -> str:
    """Return the data of a range; series `keys[i]` has the samples `offsets[i]:offsets[i + 1]`, and none if empty."""
    pairs = _pairs(times, values)
    starts = offsets.tolist()
    rows = (
        f'{{"metric":{labels},"values":[{",".join(pairs[start:end])}]}}'
        for labels, start, end in zip(labels_json(keys), starts, starts[1:], strict=False)
        if end > start
    )
    return f'{{"resultType":"matrix","result":[{",".join(rows)}]}}'


def at_steps(
    times: NDArray[np.int64], values: NDArray[np.float64], steps: NDArray[np.int64], lookback: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (steps, values) of one series where it has a value: its last sample within `lookback`, unless stale."""
    last = np.searchsorted(times, steps, side="right") - 1
    found = last >= 0
    found[found] = times[last[found]] >= steps[found] - lookback
    picked = values[last[found]]
    fresh = ~is_stale(picked)
    return steps[found][fresh], picked[fresh]
