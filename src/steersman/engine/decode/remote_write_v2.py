"""Prometheus remote write 2.0: `io.prometheus.write.v2.Request` in a snappy block.

A request carries each string once, in `symbols`, and labels as pairs of references into it. So the encoded form of
one label is built once per request and a series' key is a join of such pieces. Start timestamps are read past: the
store has no place for them. Native histograms are refused with a count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from google.protobuf.message import DecodeError

from steersman.engine.decode.bounds import times_ms
from steersman.engine.decode.json_text import json_text
from steersman.engine.decode.proto.remote_write_v2_pb2 import Exemplar, Metadata, Request, TimeSeries
from steersman.engine.decode.unpack import unpack_snappy
from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, encode_labels
from steersman.model.telemetry import Decoded, ExemplarColumns, MetricBatch, MetricMetadata, MetricType, Refusal

_TYPES = {
    1: MetricType.COUNTER,
    2: MetricType.GAUGE,
    3: MetricType.HISTOGRAM,
    4: MetricType.GAUGE_HISTOGRAM,
    5: MetricType.SUMMARY,
    6: MetricType.INFO,
    7: MetricType.STATESET,
}

#: The suffixes under which the members of a family are sent, by the type of the family.
_MEMBER_SUFFIXES = {
    MetricType.HISTOGRAM: ("_bucket", "_count", "_sum"),
    MetricType.GAUGE_HISTOGRAM: ("_bucket", "_gcount", "_gsum"),
    MetricType.SUMMARY: ("_count", "_sum"),
}


class _Pieces(dict[tuple[int, int], bytes]):
    """The encoded label for a pair of references, made at its first use."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__()
        self._symbols = symbols

    def __missing__(self, pair: tuple[int, int]) -> bytes:
        name, value = self._symbols[pair[0]], self._symbols[pair[1]]
        if name == METRIC_NAME and not value:
            raise InvalidInput("a series has an empty metric name; every series needs a `__name__` label")
        # An empty value means "no such label".
        piece = encode_labels(((name, value),)) if value else b""
        self[pair] = piece
        return piece


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is known of one sequence of label names: where the metric name stands, and how to sort the labels."""

    metric_name: int
    order: tuple[int, ...]
    is_sorted: bool


@dataclass(slots=True)
class _Reader:
    """The columns of one request while they grow."""

    symbols: Sequence[str]
    pieces: _Pieces
    shapes: dict[tuple[int, ...], _Shape] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    series: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    exemplars: ExemplarColumns = field(default_factory=ExemplarColumns)
    described: set[tuple[int, int, int, int]] = field(default_factory=set)
    metadata: dict[str, MetricMetadata] = field(default_factory=dict)
    histograms: int = 0


def decode(body: bytes, received_ns: int) -> Decoded:
    """Decode one request. Raises `InvalidInput` for what breaks the specification, `TooLarge` for a huge body."""
    unpacked = unpack_snappy(body)
    request = Request()
    try:
        request.ParseFromString(unpacked)
    except DecodeError as error:
        raise InvalidInput("the body is not a remote write 2.0 request (io.prometheus.write.v2.Request)") from error
    symbols = list(request.symbols)
    if unpacked and (not symbols or symbols[0]):
        raise InvalidInput("symbols[0] has to be the empty string; is this a remote write 1.0 request?")
    reader = _Reader(symbols, _Pieces(symbols))
    try:
        _read_series(reader, request.timeseries)
    except IndexError as error:
        raise InvalidInput(f"a reference points behind the {len(symbols)} symbols of the request") from error
    return _decoded(reader)


def _read_series(reader: _Reader, timeseries: Sequence[TimeSeries]) -> None:
    """Read every series; this loop is the hot one, so what is rare is moved out of it."""
    piece, shapes, numbers = reader.pieces.__getitem__, reader.shapes, reader.numbers
    add_series, add_time, add_value = reader.series.append, reader.times.append, reader.values.append
    for one in timeseries:
        refs = one.labels_refs[:]
        names, values = tuple(refs[::2]), refs[1::2]
        if len(names) != len(values):
            raise InvalidInput("labels_refs has an odd length; it holds pairs of name and value")
        shape = shapes.get(names) or _new_shape(reader, names)
        key = _key(piece, shape, names, values)
        samples = one.samples
        if samples:
            number = numbers.setdefault(key, len(numbers))
            for sample in samples:
                add_series(number)
                add_time(sample.timestamp)
                add_value(sample.value)
        _read_rest(reader, one, key, values[shape.metric_name], has_samples=bool(samples))


def _key(piece: Callable[[tuple[int, int]], bytes], shape: _Shape, names: tuple[int, ...], values: list[int]) -> bytes:
    if shape.is_sorted:
        return b"".join(map(piece, zip(names, values, strict=True)))
    return b"".join([piece((names[i], values[i])) for i in shape.order])


def _new_shape(reader: _Reader, names: tuple[int, ...]) -> _Shape:
    """Check one sequence of label names. Unsorted names are against the specification, but their order says nothing."""
    texts = [reader.symbols[ref] for ref in names]
    if METRIC_NAME not in texts:
        raise InvalidInput("a series has no `__name__` label")
    if "" in texts:
        raise InvalidInput("a label has an empty name")
    if len(set(texts)) != len(texts):
        twice = next(name for name in texts if texts.count(name) > 1)
        raise InvalidInput(f"the label {twice!r} stands twice in one series")
    order = tuple(sorted(range(len(texts)), key=texts.__getitem__))
    shape = _Shape(texts.index(METRIC_NAME), order, is_sorted=order == tuple(range(len(texts))))
    reader.shapes[names] = shape
    return shape


def _read_rest(reader: _Reader, one: TimeSeries, key: bytes, name_ref: int, *, has_samples: bool) -> None:
    histograms, exemplars = len(one.histograms), one.exemplars
    if not (has_samples or histograms or exemplars):
        raise InvalidInput("a series has neither samples nor histograms nor exemplars; leave it out")
    reader.histograms += histograms
    for exemplar in exemplars:
        _read_exemplar(reader, key, exemplar)
    if one.HasField("metadata"):
        _read_metadata(reader, name_ref, one.metadata)


def _read_exemplar(reader: _Reader, key: bytes, exemplar: Exemplar) -> None:
    refs = exemplar.labels_refs[:]
    if len(refs) % 2:
        raise InvalidInput("the labels_refs of an exemplar have an odd length; they hold pairs of name and value")
    texts = [reader.symbols[ref] for ref in refs]
    labels = dict(zip(texts[::2], texts[1::2], strict=True))
    if len(labels) * 2 != len(refs) or "" in labels:
        raise InvalidInput("the labels of an exemplar need names that are unique and not empty")
    columns = reader.exemplars
    columns.key.append(key)
    columns.time_ms.append(exemplar.timestamp)
    columns.value.append(exemplar.value)
    columns.labels.append(json_text(labels))


def _read_metadata(reader: _Reader, name_ref: int, metadata: Metadata) -> None:
    mark = (name_ref, metadata.type, metadata.help_ref, metadata.unit_ref)
    if mark in reader.described:
        return
    reader.described.add(mark)
    type_ = _TYPES.get(metadata.type, MetricType.UNKNOWN)
    help_, unit = reader.symbols[metadata.help_ref], reader.symbols[metadata.unit_ref]
    if type_ is not MetricType.UNKNOWN or help_ or unit:
        name = family_name(reader.symbols[name_ref], type_)
        reader.metadata[name] = MetricMetadata(name, type_, help_, unit)


def family_name(series_name: str, type_: MetricType) -> str:
    """Return the name of the family that a series belongs to: `x` for the histogram series `x_bucket`."""
    for suffix in _MEMBER_SUFFIXES.get(type_, ()):
        if series_name.endswith(suffix):
            return series_name.removesuffix(suffix)
    return series_name


def _decoded(reader: _Reader) -> Decoded:
    times_ms(reader.exemplars.time_ms)  # the same bounds as for samples
    batch = MetricBatch(
        keys=list(reader.numbers),
        series=np.array(reader.series, dtype=np.int32),
        times=times_ms(reader.times),
        values=np.array(reader.values, dtype=np.float64),
    )
    return Decoded(
        metrics=batch,
        metadata=tuple(reader.metadata.values()),
        exemplars=reader.exemplars if reader.exemplars.key else None,
        refused=(Refusal(reader.histograms, NATIVE_HISTOGRAM),) if reader.histograms else (),
    )


NATIVE_HISTOGRAM = (
    "native histograms are not stored; send classic histograms (in Prometheus: `send_native_histograms: false`, "
    "and `always_scrape_classic_histograms: true` where the target offers both)"
)
