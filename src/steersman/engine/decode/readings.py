"""The built-in collector's own format: one time, a block of series keys, one float per key.

    int64 time in ms | uint32 count | uint32 length of each key | the keys | float64 of each key     (little-endian)

The collector repeats its keys at every interval, so the block of lengths and keys is checked once and recognised by
its bytes afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

import numpy as np

from steersman.engine.decode.bounds import times_ms
from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, canonical, decode_labels, encode_labels
from steersman.model.telemetry import Decoded, MetricBatch

_HEADER = struct.Struct("<qI")


def pack(readings: Iterable[tuple[bytes, float]], time_ms: int) -> bytes:
    """Return the body for readings of one moment; each key is the canonical bytes of a series."""
    pairs = list(readings)
    keys = [key for key, _ in pairs]
    values = np.array([value for _, value in pairs], dtype="<f8")
    lengths = np.array([len(key) for key in keys], dtype="<u4")
    return b"".join([_HEADER.pack(time_ms, len(keys)), lengths.tobytes(), *keys, values.tobytes()])


def decode(body: bytes, received_ns: int) -> Decoded:
    """Invert `pack`. Raises `InvalidInput` when the sizes contradict each other or a key is not canonical."""
    if len(body) < _HEADER.size:
        raise InvalidInput("the body ends within its header")
    time_ms, count = _HEADER.unpack_from(body)
    end = len(body) - 8 * count
    if end < _HEADER.size + 4 * count:
        raise InvalidInput(f"the body is too short for {count} readings")
    keys = _keys(body[_HEADER.size : end], count)
    batch = MetricBatch(
        keys=list(keys),
        series=np.arange(count, dtype=np.int32),
        times=times_ms([time_ms] * count),
        values=np.frombuffer(body, dtype="<f8", offset=end).astype(np.float64),
    )
    return Decoded(metrics=batch)


@lru_cache(maxsize=32)
def _keys(block: bytes, count: int) -> tuple[bytes, ...]:
    """Cut a block into keys, each of them checked."""
    bounds = np.cumsum(np.frombuffer(block, dtype="<u4", count=count), dtype=np.int64) + 4 * count
    if (int(bounds[-1]) if count else 0) != len(block):
        raise InvalidInput("the lengths of the keys do not add up to the key block")
    starts = [4 * count, *bounds.tolist()]
    keys = tuple(block[start:stop] for start, stop in pairwise(starts))
    if len(set(keys)) != count:
        raise InvalidInput("a series is there twice")
    for key in keys:
        _check(key)
    return keys


def _check(key: bytes) -> None:
    try:
        labels = decode_labels(key)
        is_canonical = encode_labels(canonical(dict(labels))) == key
    except (IndexError, UnicodeDecodeError) as error:
        raise InvalidInput("a key is not a label set") from error
    if not is_canonical or METRIC_NAME not in dict(labels):
        raise InvalidInput("a key is not the canonical form of a label set with a metric name")
