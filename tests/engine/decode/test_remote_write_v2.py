import json
import random
import struct

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.decode.proto.remote_write_v2_pb2 import Request
from steersman.engine.decode.remote_write_v2 import decode
from steersman.model.errors import InvalidInput, TooLarge
from steersman.model.labels import canonical, decode_labels, encode_labels
from steersman.model.telemetry import STALE_NAN_BITS, MetricMetadata, MetricType

NOW_MS = 1_700_000_000_000


class Sender:
    """Builds a request the way the specification tells a sender to."""

    def __init__(self) -> None:
        self.request = Request()
        self.refs = {"": 0}

    def ref(self, text):
        return self.refs.setdefault(text, len(self.refs))

    def series(self, labels, *samples):
        one = self.request.timeseries.add()
        for name, value in labels:
            one.labels_refs.extend([self.ref(name), self.ref(value)])
        for time, value in samples:
            one.samples.add(timestamp=time, value=value)
        return one

    def body(self):
        del self.request.symbols[:]
        self.request.symbols.extend(self.refs)
        return pack(self.request)


def pack(request):
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def rows(decoded):
    batch = decoded.metrics
    keys = [decode_labels(key) for key in batch.keys]
    bits = batch.values.view(np.uint64)
    return [(keys[s], int(t), int(v)) for s, t, v in zip(batch.series, batch.times, bits, strict=True)]


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def as_the_library_reads_it(body):
    """The plain reading of a request: the library's objects, no caches."""
    request = Request.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    found = []
    for one in request.timeseries:
        texts = [request.symbols[ref] for ref in one.labels_refs]
        labels = canonical(dict(zip(texts[::2], texts[1::2], strict=True)))
        found += [(labels, sample.timestamp, bits(sample.value)) for sample in one.samples]
    return found


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
label_sets = st.dictionaries(texts, st.text(st.characters(codec="utf-8"), max_size=6), max_size=4)
samples = st.lists(st.tuples(st.integers(0, NOW_MS), st.floats(width=64)), min_size=1, max_size=3)


@given(st.lists(st.tuples(label_sets, samples), max_size=8))
def test_every_request_reads_as_the_protobuf_library_reads_it(series):
    sender = Sender()
    for labels, points in series:
        sender.series([*labels.items(), ("__name__", "up")][:: 1 if len(labels) % 2 else -1], *points)
        if "__name__" in labels:
            del sender.request.timeseries[-1]
    body = sender.body()
    assert rows(decode(body, 0)) == as_the_library_reads_it(body)


def test_unsorted_labels_give_the_same_key_as_sorted_ones():
    sender = Sender()
    sender.series([("__name__", "up"), ("a", "1"), ("b", "2")], (NOW_MS, 1.0))
    sender.series([("b", "2"), ("a", "1"), ("__name__", "up")], (NOW_MS + 1, 2.0))
    batch = decode(sender.body(), 0).metrics
    assert batch.keys == [encode_labels((("__name__", "up"), ("a", "1"), ("b", "2")))]
    assert batch.series.tolist() == [0, 0]


def test_the_staleness_marker_keeps_its_bits():
    sender = Sender()
    sender.series([("__name__", "up")], (NOW_MS, struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]))
    assert decode(sender.body(), 0).metrics.values.view(np.uint64).tolist() == [STALE_NAN_BITS]


def test_metadata_names_the_family_and_is_given_once():
    sender = Sender()
    for suffix in ("_bucket", "_sum", "_count"):
        one = sender.series([("__name__", f"latency_seconds{suffix}")], (NOW_MS, 1.0))
        one.metadata.type, one.metadata.help_ref, one.metadata.unit_ref = 3, sender.ref("How long"), sender.ref("s")
    expected = MetricMetadata("latency_seconds", MetricType.HISTOGRAM, "How long", "s")
    assert decode(sender.body(), 0).metadata == (expected,)


def test_an_exemplar_is_kept_with_its_series():
    sender = Sender()
    one = sender.series([("__name__", "requests_total")])
    refs = [sender.ref("trace_id"), sender.ref("abc")]
    one.exemplars.add(labels_refs=refs, value=0.5, timestamp=NOW_MS)
    exemplars = decode(sender.body(), 0).exemplars
    assert exemplars.key == [encode_labels((("__name__", "requests_total"),))]
    assert (exemplars.time_ms, exemplars.value) == ([NOW_MS], [0.5])
    assert json.loads(exemplars.labels[0]) == {"trace_id": "abc"}


def test_native_histograms_are_counted_as_refused_and_the_samples_are_kept():
    sender = Sender()
    sender.series([("__name__", "up")], (NOW_MS, 1.0))
    native = sender.series([("__name__", "latency")])
    native.histograms.add(timestamp=NOW_MS)
    native.histograms.add(timestamp=NOW_MS + 1)
    decoded = decode(sender.body(), 0)
    assert [(refusal.count, "native histograms" in refusal.reason) for refusal in decoded.refused] == [(2, True)]
    assert len(decoded.metrics.times) == 1


def test_start_timestamps_of_both_generations_are_accepted():
    sender = Sender()
    one = sender.series([("__name__", "up")], (NOW_MS, 1.0))
    one.created_timestamp = one.samples[0].start_timestamp = NOW_MS - 1000
    assert len(decode(sender.body(), 0).metrics.times) == 1


def test_an_empty_request_is_nothing_to_keep():
    assert len(decode(pack(Request()), 0).metrics.times) == 0


def broken(labels=(("__name__", "up"),), sample=(NOW_MS, 1.0), change=lambda request: None):
    sender = Sender()
    sender.series(labels, sample)
    sender.body()
    change(sender.request)
    return pack(sender.request)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (broken(change=lambda r: r.symbols.__setitem__(0, "x")), "empty string"),
        (broken(change=lambda r: r.symbols.__delitem__(slice(None))), "remote write 1.0"),
        (broken(change=lambda r: r.timeseries[0].labels_refs.append(1)), "pairs"),
        (broken(change=lambda r: r.timeseries[0].labels_refs.extend([99, 1])), "behind the 3 symbols"),
        (broken(change=lambda r: r.timeseries[0].labels_refs.extend([0, 1])), "empty name"),
        (broken(change=lambda r: r.timeseries[0].labels_refs.extend([1, 2])), "twice"),
        (broken(change=lambda r: r.timeseries[0].ClearField("samples")), "neither samples"),
        (broken(change=lambda r: setattr(r.timeseries[0].metadata, "help_ref", 77)), "behind"),
        (broken(change=lambda r: r.timeseries[0].exemplars.add(labels_refs=[1])), "exemplar"),
        (broken(change=lambda r: r.timeseries[0].exemplars.add(timestamp=-1)), "1970"),
        (broken(labels=[("a", "b")]), "__name__"),
        (broken(labels=[("__name__", "")]), "metric name"),
        (broken(sample=(-1, 1.0)), "1970"),
        (broken(sample=(2**62, 1.0)), "2262"),
        (b"", "snappy"),
        (b"\xff\xff\xff\xff\xff\xff\xff", "snappy"),
        (bytes(cramjam.snappy.compress_raw(b"\xff" * 40)), "Request"),
    ],
)
def test_what_breaks_the_specification_is_refused_with_the_reason(body, words):
    with pytest.raises(InvalidInput, match=words):
        decode(body, 0)


@pytest.mark.requirement("ASVS-5.2.3")
def test_a_body_that_claims_to_unpack_to_much_is_refused_before_it_is_unpacked():
    with pytest.raises(TooLarge, match="smaller batches"):
        decode(b"\xff\xff\xff\xff\x0f" + bytes(100), 0)
    with pytest.raises(InvalidInput, match="claims"):
        decode(b"\x80\x80\x80\x20" + bytes(100), 0)


def mutated(plain, chance):
    """One to four bytes changed, removed or added, or the end cut off."""
    body = bytearray(plain)
    for _ in range(min(chance.randint(1, 4), len(body))):
        at = chance.randrange(len(body))
        kind = chance.random()
        if kind < 0.6:
            body[at] = chance.randrange(256)
        elif kind < 0.75 and len(body) > 4:
            del body[at]
        elif kind < 0.9 or not at:
            body.insert(at, chance.randrange(256))
        else:
            del body[max(at, 4) :]
    return bytes(body)


def test_a_mutated_body_reads_as_the_library_reads_it_or_is_refused():
    chance = random.Random(2)
    sender = Sender()
    for number in range(6):
        one = sender.series([("__name__", f"m{number}"), ("host", "a"), ("zone", f"z{number}")], (NOW_MS, number))
        one.metadata.type, one.metadata.help_ref = 1, sender.ref("help")
        one.exemplars.add(labels_refs=[sender.ref("t"), sender.ref("1")], value=1, timestamp=NOW_MS)
    sender.body()
    plain = sender.request.SerializeToString()
    accepted = 0
    for _ in range(3000):
        body = bytes(cramjam.snappy.compress_raw(mutated(plain, chance)))
        try:
            found = decode(body, 0)
        except InvalidInput:
            continue
        accepted += 1
        assert rows(found) == as_the_library_reads_it(body)
    assert accepted > 100


def test_a_mutated_snappy_block_is_refused_or_reads_as_the_library_reads_it():
    chance = random.Random(3)
    sender = Sender()
    for number in range(30):
        sender.series([("__name__", f"m{number}")], (NOW_MS, number))
    plain = sender.body()
    for _ in range(1000):
        body = mutated(plain, chance)
        try:
            found = rows(decode(body, 0))
        except InvalidInput:
            continue
        assert found == as_the_library_reads_it(body)
