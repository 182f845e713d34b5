from __future__ import annotations

from dataclasses import replace

import cramjam
import numpy as np
import pytest

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.services.telemetry.commands.bench.fleet import (
    STEP_MS,
    Fleet,
    RequestTemplate,
    Signals,
    fleet_labels,
    requests,
    round_times,
)

FLEET = Fleet(hosts=30, metrics=100, rounds=3)


def parsed(body: bytes) -> proto.WriteRequest:
    return proto.WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))


def test_a_request_is_what_the_protobuf_library_reads_as_the_same_labels_times_and_values():
    signals, labels = Signals(FLEET), fleet_labels(FLEET)
    for number, bodies in enumerate(requests(FLEET)):
        values, times = signals.advance(), round_times(FLEET, number)
        series = [one for body in bodies for one in parsed(body).timeseries]
        assert [tuple((label.name, label.value) for label in one.labels) for one in series] == labels
        assert [one.samples[0].timestamp for one in series] == times.tolist()
        assert [one.samples[0].value for one in series] == values.tolist()


def test_a_request_is_byte_for_byte_what_the_protobuf_library_writes():
    """In particular a value of zero is left out, as every sender does."""
    keys = [b"\x0a\x62\x0a\x08__name__\x12\x56" + b"x" * 86, b"\x0a\x62\x0a\x08__name__\x12\x56" + b"y" * 86]
    keys = [key + b"\x0a\x20\x0a\x01z\x12\x1b" + b"w" * 27 for key in keys]
    body = RequestTemplate(keys).body(np.array([1_700_000_000_000, 1_700_000_000_001]), np.array([0.0, 1.5]))
    request = parsed(body)
    assert bytes(cramjam.snappy.decompress_raw(body)) == request.SerializeToString()
    assert [len(one.samples) for one in request.timeseries] == [1, 1]


def test_the_same_seed_gives_the_same_bodies_and_another_seed_others():
    assert list(requests(FLEET)) == list(requests(FLEET))
    assert list(requests(FLEET)) != list(requests(replace(FLEET, seed=8)))


def test_series_are_distinct_sorted_and_repeat_in_the_same_order():
    labels = fleet_labels(Fleet())
    assert len(set(labels)) == 10_000
    assert all(list(one) == sorted(one) and 8 <= len(one) <= 10 for one in labels)
    first, *later = [[one.labels[:] for body in each for one in parsed(body).timeseries] for each in requests(FLEET)]
    assert all(one == first for one in later)


def test_counters_never_fall_and_values_keep_moving():
    fleet = Fleet(hosts=5)
    signals = Signals(fleet)
    rounds = np.array([signals.advance().copy() for _ in range(50)])
    counters = np.array([dict(labels)["__name__"].endswith("_total") for labels in fleet_labels(fleet)])
    assert (np.diff(rounds[:, counters], axis=0) >= 0).all()
    assert (np.diff(rounds, axis=0) != 0).mean() > 0.5


def test_each_host_is_scraped_once_a_step_at_its_own_moment():
    times = round_times(FLEET, 1) - round_times(FLEET, 0)
    assert (times == STEP_MS).all()
    assert len(set(round_times(FLEET, 0).tolist())) == pytest.approx(FLEET.hosts, abs=2)
