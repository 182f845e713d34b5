"""Prometheus remote write 2.0: `io.prometheus.write.v2.Request` in a snappy block.

A request carries each string once, in `symbols`, and labels as pairs of references into it. So the encoded form of
one label is built once per request and a series' key is a join of such pieces (`symbol_labels`). Start timestamps are
read past: the store has no place for them. Native histograms are refused with a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from google.protobuf.message import DecodeError

from steersman.engine.decode.bounds import times_ms
from steersman.engine.decode.json_text import json_text
from steersman.engine.decode.proto.remote_write_v2_pb2 import Exemplar, Metadata, Request, TimeSeries
from steersman.engine.decode.symbol_labels import series_keys
from steersman.engine.decode.unpack import unpack_snappy
from steersman.model.errors import InvalidInput
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


@dataclass(slots=True)
class _Reader:
    """The columns of one request while they grow; `owners` numbers the series of the message, by sample."""

    symbols: Sequence[str]
    owners: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    exemplars: ExemplarColumns = field(default_factory=ExemplarColumns)
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
    reader = _Reader(symbols)
    series = list(request.timeseries)
    refs, sizes, others = _read_samples(reader, series)
    keys, name_refs = series_keys(symbols, refs, sizes)
    try:
        _read_metadata(reader, series, name_refs)
        for number in others:
            _read_others(reader, series[number], keys[number])
    except IndexError as error:
        raise InvalidInput(f"a reference points behind the {len(symbols)} symbols of the request") from error
    return _decoded(reader, keys)


def _read_samples(reader: _Reader, series: Sequence[TimeSeries]) -> tuple[list[int], list[int], list[int]]:
    """Read the samples; return all label references, how many each series has, and the series that hold more.

    This loop is the hot one: each access to a field costs about 100 ns, so what is rare is read afterwards.
    """
    refs: list[int] = []
    sizes: list[int] = []
    others: list[int] = []
    add_owner, add_time, add_value = reader.owners.append, reader.times.append, reader.values.append
    for number, one in enumerate(series):
        own = one.labels_refs[:]
        refs += own
        sizes.append(len(own))
        samples = one.samples
        count = len(samples)
        for sample in (samples[0],) if count == 1 else samples:
            add_owner(number)
            add_time(sample.timestamp)
            add_value(sample.value)
        if not count or one.exemplars or one.histograms:
            others.append(number)
    return refs, sizes, others


def _read_others(reader: _Reader, one: TimeSeries, key: bytes) -> None:
    """Read what is rare: exemplars and histograms."""
    histograms, exemplars = len(one.histograms), one.exemplars
    if not (one.samples or histograms or exemplars):
        raise InvalidInput("a series has neither samples nor histograms nor exemplars; leave it out")
    reader.histograms += histograms
    for exemplar in exemplars:
        _read_exemplar(reader, key, exemplar)


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


def _read_metadata(reader: _Reader, series: Sequence[TimeSeries], name_refs: Sequence[int]) -> None:
    """Read the metadata of each metric name where it comes first; all series of a metric carry the same."""
    described: set[int] = set()
    for one, name_ref in zip(series, name_refs, strict=True):
        if name_ref not in described and one.HasField("metadata"):
            described.add(name_ref)
            _describe(reader, reader.symbols[name_ref], one.metadata)


def _describe(reader: _Reader, name: str, metadata: Metadata) -> None:
    type_ = _TYPES.get(metadata.type, MetricType.UNKNOWN)
    help_, unit = reader.symbols[metadata.help_ref], reader.symbols[metadata.unit_ref]
    if type_ is not MetricType.UNKNOWN or help_ or unit:
        name = family_name(name, type_)
        reader.metadata[name] = MetricMetadata(name, type_, help_, unit)


def family_name(series_name: str, type_: MetricType) -> str:
    """Return the name of the family that a series belongs to: `x` for the histogram series `x_bucket`."""
    for suffix in _MEMBER_SUFFIXES.get(type_, ()):
        if series_name.endswith(suffix):
            return series_name.removesuffix(suffix)
    return series_name


def _decoded(reader: _Reader, keys: Sequence[bytes]) -> Decoded:
    times_ms(reader.exemplars.time_ms)  # the same bounds as for samples
    # A key may come more than once, and one that has no sample is no series of the batch.
    numbers: dict[bytes, int] = {}
    series = [numbers.setdefault(keys[owner], len(numbers)) for owner in reader.owners]
    batch = MetricBatch(
        keys=list(numbers),
        series=np.array(series, dtype=np.int32),
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
