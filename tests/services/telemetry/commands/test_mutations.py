from __future__ import annotations

from random import Random

import cramjam

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.services.telemetry.commands.prove import mutations
from steersman.services.telemetry.commands.prove.odd_requests import odd_request


def packed(plain: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(plain))


def test_every_sound_request_of_the_corpus_is_read_as_the_protobuf_library_reads_it():
    reader = mutations.Reader()
    for plain in mutations.corpus():
        wanted = mutations.expected(packed(plain))
        assert wanted is not None
        assert reader.read(packed(plain)) == wanted
        assert reader.read(packed(plain)) == wanted, "and again, now that its series are known"


def test_most_odd_requests_are_valid_for_the_protobuf_library():
    random = Random(1)
    parsed = [proto.WriteRequest.FromString(odd_request(random)) for _ in range(300)]
    accepted = [mutations.expected(packed(one.SerializeToString())) is not None for one in parsed]
    assert 60 < sum(accepted) < 290
    assert sum(len(series.samples) for one in parsed for series in one.timeseries) > 300


def test_twenty_thousand_damaged_bodies_are_read_alike():
    tally = mutations.run(20_000, seed=11)
    assert tally.wrong == []
    assert tally.differing == 0
    assert 1_000 < tally.accepted < 19_000


def test_a_decoder_that_reads_one_byte_wrongly_is_caught(monkeypatch):
    """The proof itself can fail: a reader that forgets one sample in a hundred is found out."""

    class Careless(mutations.Reader):
        def read(self, body: bytes) -> list[mutations.Sample] | None:
            found = super().read(body)
            return found[:-1] if found and len(found) > 4 else found

    monkeypatch.setattr(mutations, "Reader", Careless)
    assert mutations.run(2_000, seed=3).differing > 0
