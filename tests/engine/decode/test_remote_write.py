"""Remote write 1.0 against the protobuf library: same acceptance, same label sets, same samples bit for bit."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import cramjam
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from steersman.engine.decode import remote_write
from steersman.engine.decode.bounds import MAX_TIME_MS
from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.decode.remote_write import Scan, scan
from steersman.engine.series.series_set import SeriesSet
from steersman.model.errors import InvalidInput, TooLarge
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.labels import Labels, canonical, decode_labels, encode_labels

Sample = tuple[Labels, int, int]

names = st.sampled_from(["__name__", "job", "instance", "空", ""])
label = st.builds(lambda name, value: proto.Label(name=name, value=value), names, st.sampled_from(["", "a", "b", "空"]))
metric = st.builds(lambda value: proto.Label(name="__name__", value=value), st.sampled_from(["up", "m"]))
times = st.integers(0, 10) | st.just(1_700_000_000_000) | st.just(MAX_TIME_MS)
bits = st.sampled_from([0, 1, 1 << 63, 0x7FF0000000000002, 0x7FF8000000000001, 0xFFF0000000000000]) | st.integers(
    0, 2**64 - 1
)
sample = st.builds(
    lambda value, time: proto.Sample(value=struct.unpack("<d", value.to_bytes(8, "little"))[0], timestamp=time),
    bits,
    times,
)
exemplar = st.builds(
    lambda labels, time: proto.Exemplar(labels=labels, value=0.5, timestamp=time), st.lists(label, max_size=2), times
)
histogram = st.sampled_from([b"", b"\x19" + bytes(8), b"\x20\x03", b"\x0a\x02\x08\x01"]).map(proto.Histogram.FromString)
timeseries = st.builds(
    lambda labels, name, samples, exemplars, histograms: proto.TimeSeries(
        labels=[*labels, *name], samples=samples, exemplars=exemplars, histograms=histograms
    ),
    st.lists(label, max_size=3),
    st.lists(metric, min_size=1, max_size=1),
    st.lists(sample, max_size=3),
    st.lists(exemplar, max_size=1),
    st.lists(histogram, max_size=1),
)
plain = st.builds(
    lambda name, job, samples: proto.TimeSeries(labels=[name, proto.Label(name="job", value=job)], samples=samples),
    metric,
    st.sampled_from("abc"),
    st.lists(sample, max_size=3),
)
about = st.builds(
    lambda kind, name: proto.MetricMetadata(type=kind, metric_family_name=name, help="h", unit="u"),
    st.integers(0, 9),
    st.sampled_from(["", "up"]),
)
requests = st.builds(
    lambda series, metadata: proto.WriteRequest(timeseries=series, metadata=metadata),
    st.lists(timeseries | plain, max_size=6),
    st.lists(about, max_size=2),
).map(lambda request: request.SerializeToString(deterministic=True))


@dataclass(slots=True)
class Read:
    """What is in a request, in words that both readers share."""

    series: set[Labels] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)
    exemplars: list[tuple[Labels, int]] = field(default_factory=list)
    metadata: list[tuple[str, str]] = field(default_factory=list)
    histograms: int = 0


def by_the_library(raw: bytes) -> Read | None:
    """The specification, spelled out over protobuf messages; None when the request has to be refused."""
    try:
        request = proto.WriteRequest.FromString(raw)
    except DecodeError:
        return None
    found = Read()
    for one in request.timeseries:
        labels = {pair.name: pair.value for pair in one.labels}
        stamps = [entry.timestamp for entry in (*one.samples, *one.exemplars)]
        if "" in labels or len(labels) != len(one.labels) or not labels.get("__name__"):
            return None
        if not all(0 <= stamp <= MAX_TIME_MS for stamp in stamps):
            return None
        key = canonical(labels)
        found.series.add(key)
        found.samples += [(key, s.timestamp, int.from_bytes(struct.pack("<d", s.value), "little")) for s in one.samples]
        found.exemplars += [(key, e.timestamp) for e in one.exemplars]
        found.histograms += len(one.histograms)
    found.metadata = [(one.metric_family_name, one.help) for one in request.metadata]
    return found


class Receiver:
    """Scans one request after the other and registers what it finds, as the store does."""

    def __init__(self) -> None:
        self.series = SeriesSet()
        self.scope = self.series.scope(DEFAULT_TENANT)

    def scan(self, raw: bytes) -> Scan:
        return scan(bytes(cramjam.snappy.compress_raw(raw)), self.series, self.scope)

    def read(self, raw: bytes) -> Read | None:
        try:
            found = self.scan(raw)
        except InvalidInput:
            return None
        numbers = self.series.add(self.scope, [key for _, key in found.unknown])
        for (spelling, key), number in zip(found.unknown, numbers.tolist(), strict=True):
            assert decode_labels(key) == canonical(dict(decode_labels(key)))
            if spelling != key:
                self.series.add_spelling(self.scope, spelling, number)
        owners = [int(numbers[-1 - one]) if one < 0 else one for one in found.series.tolist()]
        keys = [decode_labels(self.series.canonical(one)) for one in owners]
        exemplars = found.exemplars
        return Read(
            set(keys) | {decode_labels(key) for _, key in found.unknown},
            list(zip(keys, found.times.tolist(), found.values.view(np.uint64).tolist(), strict=True)),
            list(zip(map(decode_labels, exemplars.key), exemplars.time_ms, strict=True)) if exemplars else [],
            [(one.name, one.help) for one in found.metadata],
            sum(one.count for one in found.refused),
        )


def agree(receiver: Receiver, raw: bytes) -> None:
    """Both readers accept or refuse the request; a known series without samples need not come up again."""
    expected, found = by_the_library(raw), receiver.read(raw)
    assert (found is None) == (expected is None)
    if expected is not None and found is not None:
        assert found.series <= expected.series
        assert all(receiver.series.find(receiver.scope, encode_labels(key)) >= 0 for key in expected.series)
        expected.series = found.series
        assert found == expected


@given(st.lists(requests, min_size=1, max_size=4))
def test_requests_read_the_same_when_new_when_known_and_when_predicted(raws: list[bytes]) -> None:
    receiver = Receiver()
    for raw in [*raws, *raws, *raws[:1], *raws[:1]]:
        agree(receiver, raw)


@given(requests, requests, st.data())
def test_a_mutated_request_reads_as_the_library_reads_it(known: bytes, raw: bytes, data: st.DataObject) -> None:
    receiver = Receiver()
    receiver.read(known)
    receiver.read(raw)
    mutated = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(mutated)))
        cut = data.draw(st.integers(0, 2))
        mutated[at : at + cut] = data.draw(st.binary(max_size=2))
    agree(receiver, bytes(mutated))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(plain, st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5), st.binary(max_size=12)), max_size=3), st.data())
def test_fields_of_the_future_are_skipped_wherever_they_stand(
    series: proto.TimeSeries, fields: list[tuple[int, int, bytes]], data: st.DataObject
) -> None:
    """Raw fields of any number and wire type go between those of a series, of its samples and of the request."""
    receiver = Receiver()
    agree(receiver, proto.WriteRequest(timeseries=[series]).SerializeToString())
    raw = [bytes([number << 3 & 0x7F | kind]) + content for number, kind, content in fields]
    inner = [series.SerializeToString(), *raw]
    outer = b"".join(data.draw(st.permutations(inner)))
    whole = [b"\x0a" + varint(len(outer)) + outer, *data.draw(st.lists(st.sampled_from(raw or [b""]), max_size=2))]
    agree(receiver, b"".join(data.draw(st.permutations(whole))))


def varint(number: int, *, padding: int = 0) -> bytes:
    """A varint, padded to more bytes than it needs when asked."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    for _ in range(padding):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


@pytest.mark.parametrize("padding", range(12))
@pytest.mark.parametrize("place", ["request", "label", "name", "sample", "time"])
def test_a_length_or_time_in_more_bytes_than_it_needs_reads_as_the_library_reads_it(place: str, padding: int) -> None:
    def size(where: str, number: int) -> bytes:
        return varint(number, padding=padding if where == place else 0)

    name = b"\x0a" + size("name", 8) + b"__name__\x12\x02up"
    labels = b"\x0a" + size("label", len(name)) + name
    values = b"\x10" + size("time", 1_700_000_000_000)
    series = labels + b"\x12" + size("sample", len(values)) + values
    raw = b"\x0a" + size("request", len(series)) + series
    receiver = Receiver()
    receiver.read(proto.WriteRequest.FromString(b"\x0a\x10\x0a\x0e\x0a\x08__name__\x12\x02up").SerializeToString())
    for _ in range(3):
        agree(receiver, raw)


def request(*series: tuple[Sequence[tuple[str, str]], Sequence[tuple[int, float]]]) -> bytes:
    return proto.WriteRequest(
        timeseries=[
            proto.TimeSeries(
                labels=[proto.Label(name=name, value=value) for name, value in labels],
                samples=[proto.Sample(timestamp=time, value=value) for time, value in samples],
            )
            for labels, samples in series
        ]
    ).SerializeToString()


UP = (("__name__", "up"),)


@pytest.mark.parametrize("time", [-1, -(2**63), MAX_TIME_MS + 1, 2**63 - 1])
@pytest.mark.parametrize("tail", [b"", b"\x28\x01"], ids=["regular", "with a strange field"])
def test_a_time_outside_1970_to_2262_is_refused_by_either_road(time: int, tail: bytes) -> None:
    receiver = Receiver()
    good = request((UP, [(0, 1.0), (MAX_TIME_MS, 2.0)]))
    assert receiver.read(good + tail) is not None
    with pytest.raises(InvalidInput, match=f"the time {time} ms is outside the years 1970 to 2262"):
        receiver.scan(request((UP, [(0, 1.0), (time, 1.0)])) + tail)
    exemplars = proto.TimeSeries.FromString(b"\x0a\x0e\x0a\x08__name__\x12\x02up")
    exemplars.exemplars.add(timestamp=time)
    with pytest.raises(InvalidInput, match="outside the years 1970 to 2262"):
        receiver.scan(proto.WriteRequest(timeseries=[exemplars]).SerializeToString() + tail)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([("job", "a")], "no metric name"),
        ([("__name__", "")], "no metric name"),
        ([], "no metric name"),
        ([*UP, ("a", "1"), ("a", "1")], "repeats a label name"),
        ([*UP, ("", "1")], "empty name"),
    ],
)
def test_a_label_set_that_names_no_series_is_refused_in_words(labels: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        Receiver().scan(request((labels, [(1, 1.0)])))


@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"a\xe4"])
def test_labels_that_are_not_utf_8_are_refused_and_a_known_neighbour_stays_known(bad: bytes) -> None:
    name = b"\x0a\x08__name__\x12" + varint(len(bad)) + bad
    series = b"\x0a" + varint(len(name)) + name + b"\x12\x02\x10\x01"
    receiver = Receiver()
    good = request((UP, [(1, 1.0)]))
    assert receiver.read(good) is not None
    assert receiver.read(good + b"\x0a" + varint(len(series)) + series) is None
    assert receiver.scan(good).series.tolist() == [0]


@pytest.mark.parametrize("where", ["request", "series"])
def test_a_request_cut_off_anywhere_is_refused_or_ends_between_two_fields(where: str) -> None:
    raw = request((UP, [(5, 1.0)]), ((*UP, ("job", "a")), [(6, 2.0), (7, 3.0)]))
    receiver = Receiver()
    receiver.read(raw)
    for end in range(len(raw)):
        agree(receiver, raw[:end] if where == "request" else raw[: end - 1] + b"\0")


@pytest.mark.parametrize("body", [b"", b"\xff", b"plain text", b"\x05abc", b"\xff\xff\xff\xff\x0f"])
def test_a_body_that_is_no_snappy_block_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        scan(body, SeriesSet(), 0)


@pytest.mark.requirement("ASVS-5.2.3", "ASVS-1.4.2")
def test_a_block_that_claims_more_than_the_limit_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(TooLarge):
        scan(varint(1 << 28) + b"\0" * 100, SeriesSet(), 0)


def test_an_empty_request_is_a_request_without_samples() -> None:
    assert Receiver().read(b"") == Read()


def test_another_tenants_series_of_the_same_name_is_not_taken_for_ones_own() -> None:
    receiver = Receiver()
    raw = request((UP, [(1, 1.0)]), ((*UP, ("job", "a")), [(1, 1.0)]))
    for _ in range(3):
        receiver.read(raw)
    receiver.scope = receiver.series.scope("other")
    assert receiver.scan(raw).series.tolist() == [-1, -2]
    receiver.read(raw)
    assert receiver.scan(raw).series.tolist() == [2, 3]


def test_repeated_series_in_the_same_order_never_leave_the_fast_road(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = request(*(((*UP, ("n", str(n))), [(1, 1.0)]) for n in range(50)))
    receiver = Receiver()
    receiver.read(raw)
    monkeypatch.delattr(remote_write, "_scan_slowly")
    monkeypatch.delattr(remote_write, "_canonical_bytes")
    for _ in range(3):
        found = receiver.scan(raw)
        assert (found.series.tolist(), found.unknown) == (list(range(50)), [])


@pytest.mark.full
@settings(max_examples=20_000)
@example([b"\x0a\x00"])
@given(st.lists(requests | st.binary(max_size=60), min_size=1, max_size=3))
def test_many_requests_read_the_same(raws: list[bytes]) -> None:
    receiver = Receiver()
    for raw in [*raws, *raws]:
        agree(receiver, raw)
