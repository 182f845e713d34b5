"""Writes composed hours as remote write 1.0, the way any sender speaks to the intake: many samples of many series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cramjam
import numpy as np

from steersman.model.labels import Labels, encode_labels
from steersman.services.operations.commands.drill.baseline import Hour

if TYPE_CHECKING:
    from numpy import int64, uint8
    from numpy.typing import NDArray

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
#: `Sample{value=1, timestamp=2}` with its tag and length: eight bytes of value, six of time.
_SAMPLE = np.frombuffer(b"\x12\x10\x09" + bytes(8) + b"\x10" + bytes(6), np.uint8)
_VALUE, _TIME = slice(3, 11), slice(12, 18)
_TIME_BYTES = 6  # milliseconds since 1970 take six varint bytes from 2004 to 3084


def body(labels: Sequence[Labels], hour: Hour) -> bytes:
    """Return one compressed request with everything of an hour that is a number."""
    series = [encode_labels(one) for one in labels]
    samples = _samples(hour)
    known = ~np.isnan(hour.values).T
    parts = (
        _field(b"\x0a", key + samples[row][known[row]].tobytes()) for row, key in enumerate(series) if known[row].any()
    )
    return bytes(cramjam.snappy.compress_raw(b"".join(parts)))


def _samples(hour: Hour) -> NDArray[uint8]:
    """The encoded samples as `[series, step, byte]`."""
    steps, count = hour.values.shape
    samples = np.tile(_SAMPLE, (count, steps, 1))
    samples[:, :, _VALUE] = np.ascontiguousarray(hour.values.T, "<f8").view(np.uint8).reshape(count, steps, 8)
    samples[:, :, _TIME] = _varints(hour.times)
    return samples


def _varints(times: NDArray[int64]) -> NDArray[uint8]:
    columns = (times[:, None] >> (7 * np.arange(_TIME_BYTES))) & 0x7F
    columns[:, :-1] |= 0x80
    return columns.astype(np.uint8)


def _field(tag: bytes, content: bytes) -> bytes:
    size, length = len(content), bytearray()
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return tag + bytes(length) + content
