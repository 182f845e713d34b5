import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.decode.readings import decode, pack
from steersman.model.errors import InvalidInput
from steersman.model.labels import canonical, decode_labels, encode_labels
from steersman.model.telemetry import STALE_NAN_BITS

NOW = 1_700_000_000_000
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
keys = st.dictionaries(texts, texts, max_size=3).map(lambda d: encode_labels(canonical({**d, "__name__": "m"})))


@given(st.dictionaries(keys, st.floats(), max_size=9), st.integers(0, NOW))
def test_what_was_packed_comes_back_bit_by_bit(readings, time_ms):
    batch = decode(pack(readings.items(), time_ms), 0).metrics
    assert batch.keys == list(readings)
    assert batch.series.tolist() == list(range(len(readings)))
    assert batch.times.tolist() == [time_ms] * len(readings)
    assert batch.values.tobytes() == struct.pack(f"<{len(readings)}d", *readings.values())


def key(name):
    return encode_labels((("__name__", name),))


def test_the_staleness_marker_keeps_its_bits():
    stale = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]
    values = decode(pack([(key("a"), stale)], NOW), 0).metrics.values
    assert values.view(np.uint64).tolist() == [STALE_NAN_BITS]


def test_a_batch_owns_its_keys_although_the_block_is_remembered():
    body = pack([(key("a"), 1.0)], NOW)
    decode(body, 0).metrics.keys.clear()
    assert decode(body, 0).metrics.keys == [key("a")]


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"a",
        key("a") + b"\x0a",
        key("a")[:-1],
        encode_labels((("a", "b"),)),
        encode_labels((("b", "1"), ("__name__", "m"))),
        encode_labels((("__name__", "m"), ("a", ""))),
        encode_labels((("__name__", "m"), ("__name__", "n"))),
        key("a")[:-1] + b"\xff",
    ],
)
def test_a_key_that_is_not_canonical_is_refused(wrong):
    with pytest.raises(InvalidInput):
        decode(pack([(wrong, 1.0)], NOW), 0)


def test_a_key_that_stands_twice_and_a_time_before_1970_are_refused():
    for body in (pack([(key("a"), 1.0)] * 2, NOW), pack([(key("a"), 1.0)], -1)):
        with pytest.raises(InvalidInput):
            decode(body, 0)


def test_a_truncated_body_is_refused():
    body = pack([(key("a"), 1.0), (key("b"), 2.0)], NOW)
    for size in range(len(body)):
        with pytest.raises(InvalidInput):
            decode(body[:size], 0)


def test_a_mutated_body_gives_canonical_keys_or_is_refused():
    chance = random.Random(10)
    plain = pack([(key("cpu"), 1.0), (encode_labels((("__name__", "m"), ("a", "b"))), 2.0)], NOW)
    accepted = 0
    for _ in range(5000):
        body = bytearray(plain)
        body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            batch = decode(bytes(body), 0).metrics
        except InvalidInput:
            continue
        accepted += 1
        assert all(encode_labels(canonical(dict(decode_labels(one)))) == one for one in batch.keys)
    assert accepted > 100
