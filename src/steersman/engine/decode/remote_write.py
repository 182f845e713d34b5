"""Prometheus remote write 1.0, read without building an object per series.

A sender repeats its series in the same order, so the series that followed last time is guessed first and its
label bytes are compared in place; only a wrong guess is hashed. The kernel knows the regular shape that all
senders produce. Whatever looks different, broken input included, goes to the protobuf library, which
is slower and has the last word; so both roads accept the same requests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from google.protobuf.message import DecodeError
from numba import boolean, int32, int64, njit, uint64
from numba.types import UniTuple

from steersman.engine.decode.bounds import times_ms
from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.decode.unpack import unpack_snappy_into, unpacked_size
from steersman.engine.series.key_table import BYTES, TABLE, find, hash_bytes, same_bytes
from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, canonical, encode_labels
from steersman.model.telemetry import ExemplarColumns, MetricMetadata, MetricType, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from steersman.engine.series.key_table import KeyTable

#: The least bytes of a length-delimited field, so of a sample or a series: its tag and a length of zero.
_LEAST_FIELD = 2
_IRREGULAR = -1
#: The protobuf library refuses a length of more bytes, so such a request is left to it.
_LONGEST_LENGTH = 5
_METADATA, _EXEMPLAR, _HISTOGRAM = 0, 1, 2

_METRIC_NAME = np.frombuffer(METRIC_NAME.encode(), np.uint8)
_TYPES = (
    MetricType.UNKNOWN,
    MetricType.COUNTER,
    MetricType.GAUGE,
    MetricType.HISTOGRAM,
    MetricType.GAUGE_HISTOGRAM,
    MetricType.SUMMARY,
    MetricType.INFO,
    MetricType.STATESET,
)


@njit(UniTuple(int64, 2)(BYTES, int64, int64), cache=True, nogil=True)
def read_varint(data, at, end):  # type: ignore[no-untyped-def]
    """Return (value, position behind it); the position is -1 when it is cut off or has more than 64 bits."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while at < end and shift < np.uint64(70):
        byte = data[at]
        at += 1
        if shift == np.uint64(63) and byte > 1:
            break
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return np.int64(value), at
        shift += np.uint64(7)
    return np.int64(0), np.int64(-1)


@njit(UniTuple(int64, 2)(BYTES, int64, int64), cache=True, nogil=True)
def _read_block(data, at, end):  # type: ignore[no-untyped-def]
    """Read a length and return (start, end) of the bytes it announces; end is -1 when they are not all there."""
    size, start = read_varint(data, at, end)
    if start < 0 or start - at > _LONGEST_LENGTH or size < 0 or size > end - start:
        return np.int64(0), np.int64(-1)
    return start, start + size


@njit(int64(BYTES, int64, int64, int64, int64[::1], uint64[::1]), cache=True, nogil=True)
def _read_sample(data, at, end, row, times, bits):  # type: ignore[no-untyped-def]
    """Fill `times[row]` and `bits[row]`; proto3 leaves zeros out. Returns the end, or -1 when irregular."""
    times[row] = 0
    bits[row] = np.uint64(0)
    while at < end:
        tag = data[at]
        at += 1
        if tag == 0x09 and at + 8 <= end:
            bits[row] = (
                np.uint64(data[at])
                | np.uint64(data[at + 1]) << np.uint64(8)
                | np.uint64(data[at + 2]) << np.uint64(16)
                | np.uint64(data[at + 3]) << np.uint64(24)
                | np.uint64(data[at + 4]) << np.uint64(32)
                | np.uint64(data[at + 5]) << np.uint64(40)
                | np.uint64(data[at + 6]) << np.uint64(48)
                | np.uint64(data[at + 7]) << np.uint64(56)
            )
            at += 8
        elif tag == 0x10:
            times[row], at = read_varint(data, at, end)
            if at < 0:
                return np.int64(-1)
        else:
            return np.int64(-1)
    return at


@njit(int64(BYTES, int64, int64), cache=True, nogil=True)
def _end_of_labels(data, at, end):  # type: ignore[no-untyped-def]
    """Return where the leading label fields of a `TimeSeries` end, or -1 when one is cut off."""
    while at < end and data[at] == 0x0A:
        _, at = _read_block(data, at + 1, end)
        if at < 0:
            return np.int64(-1)
    return at


@njit(boolean(BYTES, int64, int64, int64, int64), cache=True, nogil=True)
def _rises(data, left, left_size, right, right_size):  # type: ignore[no-untyped-def]
    """Say whether the name on the left sorts strictly before the one on the right."""
    for i in range(min(left_size, right_size)):
        if data[left + i] != data[right + i]:
            return data[left + i] < data[right + i]
    return left_size < right_size


@njit(boolean(BYTES, int64, int64, BYTES), cache=True, nogil=True)
def _is_canonical(data, at, end, metric_name):  # type: ignore[no-untyped-def]
    """Say whether label fields are spelled canonically: ASCII, names rising, nothing empty, and a metric name.

    Nearly every sender spells so; the others are not wrong, but need a closer look.
    """
    named = False
    before = before_size = np.int64(0)
    while at < end:
        start, field_end = _read_block(data, at + 1, end)
        if field_end < 0 or field_end - at > 127 + 2 or start != at + 2 or field_end - start < 4:
            return False
        name_size = np.int64(data[start + 1])
        value_at = start + 2 + name_size
        if data[start] != 0x0A or name_size == 0 or value_at + 2 >= field_end or data[value_at] != 0x12:
            return False
        if value_at + 2 + np.int64(data[value_at + 1]) != field_end:
            return False
        for i in range(start, field_end):
            if data[i] > 127:
                return False
        if before and not _rises(data, before, before_size, start + 2, name_size):
            return False
        before, before_size = start + 2, name_size
        named |= name_size == metric_name.size and same_bytes(metric_name, 0, data, start + 2, name_size)
        at = field_end
    return named


@njit(
    UniTuple(int64, 3)(
        *(BYTES, int64, *TABLE, int32[::1], int32[::1], int32),
        *(int32[::1], int64[::1], uint64[::1], int64[:, ::1], int64[:, ::1]),
    ),
    cache=True,
    nogil=True,
)
def _scan(  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0915, C901 - one pass, no calls but to kernels
    data, end, arena, ends, hashes, scopes, slots, series_of, follows, scope, series, times, bits, unknown, extras
):
    """Return (samples, unknown label sets, extra fields); samples is negative when the request is irregular.

    `series[row]` is a known series' number, or -1 - u for the label bytes `unknown[u]`. `extras` takes
    (kind, series, start, end) of metadata, exemplars and histograms, which are rare and read elsewhere.
    """
    rows = strangers = others = at = np.int64(0)
    previous = np.int32(-1)
    while at < end:
        tag = data[at]
        field_start, field_end = _read_block(data, at + 1, end)
        if field_end < 0:
            return np.int64(_IRREGULAR), at, others
        at = field_end
        if tag == 0x1A:
            extras[others, 0], extras[others, 1] = _METADATA, 0
            extras[others, 2], extras[others, 3] = field_start, field_end
            others += 1
            continue
        if tag != 0x0A:
            return np.int64(_IRREGULAR), at, others
        labels_end = np.int64(-1)
        number = np.int32(-1)
        if previous >= 0 and follows[previous] >= 0:
            guess = follows[previous]
            size = ends[guess + 1] - ends[guess]
            behind = field_start + size
            if (
                behind <= field_end
                and (behind == field_end or data[behind] != 0x0A)
                and scopes[guess] == scope
                and same_bytes(arena, ends[guess], data, field_start, size)
            ):
                number = guess
                labels_end = behind
        if number < 0:
            labels_end = _end_of_labels(data, field_start, field_end)
            if labels_end < 0:
                return np.int64(_IRREGULAR), at, others
            hashed = hash_bytes(data, field_start, labels_end, scope)
            number = find(arena, ends, hashes, scopes, slots, data, field_start, labels_end, scope, hashed)
            if previous >= 0 and number >= 0:
                follows[previous] = number
        if number >= 0:
            owner = series_of[number]
        else:
            unknown[strangers, 0], unknown[strangers, 1] = field_start, labels_end
            strangers += 1
            owner = np.int32(-strangers)
        previous = number
        inner = labels_end
        while inner < field_end:
            kind = data[inner]
            start, inner = _read_block(data, inner + 1, field_end)
            if inner < 0:
                return np.int64(_IRREGULAR), at, others
            if kind == 0x12:
                if _read_sample(data, start, inner, rows, times, bits) < 0:
                    return np.int64(_IRREGULAR), at, others
                series[rows] = owner
                rows += 1
            elif kind in (0x1A, 0x22):
                extras[others, 0] = _EXEMPLAR if kind == 0x1A else _HISTOGRAM
                extras[others, 1] = owner
                extras[others, 2], extras[others, 3] = start, inner
                others += 1
            else:
                return np.int64(_IRREGULAR), at, others
    return rows, strangers, others


@dataclass(frozen=True, slots=True)
class Scan:
    """A request as columns. `series[i]` below zero means the label set `unknown[-1 - series[i]]`.

    `unknown` pairs the bytes that came with the canonical bytes of the same, checked label set.
    """

    series: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    unknown: list[tuple[bytes, bytes]]
    metadata: tuple[MetricMetadata, ...]
    exemplars: ExemplarColumns | None
    refused: tuple[Refusal, ...]


def check_labels(pairs: list[tuple[str, str]]) -> bytes:
    """Return the canonical bytes of a label set that a peer sent, or say what is wrong with it."""
    labels = dict(pairs)
    if len(labels) != len(pairs):
        raise InvalidInput(f"a series repeats a label name: {pairs!r:.200}")
    if not labels.get(METRIC_NAME):
        raise InvalidInput(f"a series has no metric name, the label __name__: {pairs!r:.200}")
    return encode_labels(canonical(labels))


def _spelling(data: NDArray[np.uint8], start: int, end: int) -> tuple[bytes, bytes]:
    """Return a label set as it came and in its canonical form; raises `InvalidInput` when it is neither."""
    raw = data[start:end].tobytes()
    return raw, raw if _is_canonical(data, start, end, _METRIC_NAME) else _canonical_bytes(raw)


def _canonical_bytes(raw: bytes) -> bytes:
    try:
        parsed = proto.TimeSeries.FromString(raw)
    except DecodeError as error:
        raise InvalidInput("the labels of a series are not valid protobuf, or not valid UTF-8") from error
    return check_labels([(label.name, label.value) for label in parsed.labels])


class KnownSeries(Protocol):
    """The series to recognise. `follows[k]` guesses the key that comes after key k, and is learned here."""

    @property
    def keys(self) -> KeyTable: ...
    @property
    def series_of(self) -> NDArray[np.int32]: ...
    @property
    def follows(self) -> NDArray[np.int32]: ...
    def canonical(self, series: int) -> bytes: ...


class Scratch:
    """Room for a scan, kept from request to request: fresh memory for each would cost more than the scan.

    There is room for the most that a body of its size can hold; pages that stay untouched take no memory.
    """

    def __init__(self) -> None:
        self._reserve(1 << 20)

    def _reserve(self, size: int) -> None:
        room = size // _LEAST_FIELD + 1
        self.content = np.empty(size, np.uint8)
        self.series, self.times = np.empty(room, np.int32), np.empty(room, np.int64)
        self.bits = np.empty(room, np.uint64)
        self.unknown, self.extras = np.empty((room, 2), np.int64), np.empty((room, 4), np.int64)

    def unpack(self, body: bytes) -> NDArray[np.uint8]:
        """Return the content of a snappy block; it is valid until the next call."""
        size = unpacked_size(body)
        if size > self.content.size:
            self._reserve(size)
        content = self.content[:size]
        unpack_snappy_into(body, content)
        return content

    @property
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """The arrays that the kernel fills, in its order."""
        return self.series, self.times, self.bits, self.unknown, self.extras


def scan(body: bytes, series: KnownSeries, scope: int, scratch: Scratch | None = None) -> Scan:
    """Decode one snappy-compressed `WriteRequest` for a tenant's number.

    Raises `InvalidInput` or `TooLarge`; nothing is registered: the caller adds `unknown` once the request is durable.
    """
    scratch = scratch or Scratch()
    data = scratch.unpack(body)
    rows, strangers, others = _scan(
        data, data.size, *series.keys.arrays, series.series_of, series.follows, scope, *scratch.arrays
    )
    if rows < 0:
        return _scan_slowly(data.tobytes())
    checked = [_spelling(data, start, end) for start, end in scratch.unknown[:strangers].tolist()]
    found = _Extras()
    for kind, owner, start, end in scratch.extras[:others].tolist():
        key = b"" if kind == _METADATA else (checked[-1 - owner][1] if owner < 0 else series.canonical(owner))
        found.add(kind, key, data[start:end].tobytes())
    return Scan(
        scratch.series[:rows].copy(),
        times_ms(scratch.times[:rows]),
        scratch.bits[:rows].view(np.float64).copy(),
        checked,
        tuple(found.metadata),
        found.checked_exemplars(),
        found.refused(),
    )


class _Extras:
    """Collects what a request carries besides samples."""

    def __init__(self) -> None:
        self.metadata: list[MetricMetadata] = []
        self.exemplars = ExemplarColumns()
        self.histograms = 0

    def add(self, kind: int, key: bytes, raw: bytes) -> None:
        try:
            if kind == _HISTOGRAM:
                proto.Histogram.FromString(raw)
                self.histograms += 1
            elif kind == _METADATA:
                self.add_metadata(proto.MetricMetadata.FromString(raw))
            else:
                self.add_exemplar(key, proto.Exemplar.FromString(raw))
        except DecodeError as error:
            raise InvalidInput("a histogram, exemplar or metadata is not valid protobuf, or not valid UTF-8") from error

    def add_metadata(self, message: proto.MetricMetadata) -> None:
        kind = _TYPES[message.type] if 0 <= message.type < len(_TYPES) else MetricType.UNKNOWN
        self.metadata.append(MetricMetadata(message.metric_family_name, kind, message.help, message.unit))

    def add_exemplar(self, key: bytes, message: proto.Exemplar) -> None:
        self.exemplars.key.append(key)
        self.exemplars.time_ms.append(message.timestamp)
        self.exemplars.value.append(message.value)
        self.exemplars.labels.append(
            json.dumps({label.name: label.value for label in message.labels}, ensure_ascii=False)
        )

    def checked_exemplars(self) -> ExemplarColumns | None:
        """Return the exemplars, if any. Raises `InvalidInput` for a time that a sample may not have either."""
        times_ms(self.exemplars.time_ms)
        return self.exemplars if self.exemplars.key else None

    def refused(self) -> tuple[Refusal, ...]:
        if not self.histograms:
            return ()
        return (Refusal(self.histograms, "native histograms are not stored: send classic histograms"),)


def _scan_slowly(body: bytes) -> Scan:
    """Read any request with the protobuf library; every label set comes back as unknown."""
    try:
        request = proto.WriteRequest.FromString(body)
    except DecodeError as error:
        raise InvalidInput(
            "the body is not a remote write 1.0 request: snappy unpacks it, but not to the protobuf of a WriteRequest"
        ) from error
    found = _Extras()
    for message in request.metadata:
        found.add_metadata(message)
    unknown: list[tuple[bytes, bytes]] = []
    owners: list[int] = []
    times: list[int] = []
    values: list[float] = []
    for series in request.timeseries:
        key = check_labels([(label.name, label.value) for label in series.labels])
        unknown.append((key, key))
        owners.extend([-len(unknown)] * len(series.samples))
        times.extend(sample.timestamp for sample in series.samples)
        values.extend(sample.value for sample in series.samples)
        for exemplar in series.exemplars:
            found.add_exemplar(key, exemplar)
        found.histograms += len(series.histograms)
    return Scan(
        np.array(owners, np.int32),
        times_ms(times),
        np.array(values, np.float64),
        unknown,
        tuple(found.metadata),
        found.checked_exemplars(),
        found.refused(),
    )
