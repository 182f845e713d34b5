"""Live metrics as a state machine beside a dict that remembers what came first."""

from __future__ import annotations

from typing import Any

import cramjam
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.telemetry import TelemetryEngine
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp, decode_labels, encode_labels
from steersman.model.telemetry import MetricBatch
from steersman.runtime.telemetry import metrics
from steersman.runtime.telemetry.metrics import LiveMetrics, Pending, Rules
from steersman.runtime.telemetry.query import combine

WINDOW, RETENTION, AHEAD, MOST = 50, 400, 20, 40
ALL = (-(2**62), 2**62)
ANY = [Matcher(METRIC_NAME, MatchOp.REGEX, ".+")]
Key = tuple[Tenant, str]

names = st.integers(0, 60).map("m{}".format)
rows = st.lists(st.tuples(names, st.integers(-120, 30), st.sampled_from([0.0, -0.0, 1.0, float("nan")])), max_size=12)
tenants = st.sampled_from([DEFAULT_TENANT, Tenant("other")])


def bits(value: float) -> int:
    return int(np.float64(value).view(np.uint64))


def key_of(name: str) -> bytes:
    return encode_labels(((METRIC_NAME, name),))


class LiveMetricsMachine(RuleBasedStateMachine):
    """The model: generations of samples as they came, the newest sample of each known series, and what is on disk."""

    @initialize()
    def begin(self) -> None:
        self.live = LiveMetrics(TelemetryEngine().new_series_set(), Rules(RETENTION, WINDOW, AHEAD, MOST))
        self.now = 1_000_000
        self.known: dict[Key, None] = {}
        self.newest: dict[Key, tuple[int, int]] = {}
        self.generations: dict[int, list[tuple[Key, int, int]]] = {1: []}
        self.on_disk: list[tuple[Key, int, int]] = []
        self.taken: tuple[Pending, ...] = ()
        self.accepted: list[tuple[Key, int, int]] = []

    # The model.

    def in_time(self, time: int) -> bool:
        return self.now - RETENTION <= time <= self.now + AHEAD

    def fate(self, key: Key, time: int, value: int, generation: list[tuple[Key, int, int]]) -> str:
        newest = self.newest.get(key)
        if not self.in_time(time) or (newest and time < min(newest[0], self.now + AHEAD) - WINDOW):
            return "outside"
        same = [one[2] for one in generation if one[:2] == (key, time)] + (
            [newest[1]] if newest and newest[0] == time else []
        )
        if same:
            return "repeated" if value == same[0] else "conflicting"
        return "kept"

    def expect(self, tenant: Tenant, sent: list[tuple[str, int, float]], *, by_scan: bool) -> dict[str, int]:
        counts = {"kept": 0, "repeated": 0, "outside": 0, "conflicting": 0, "limit": 0}
        timely = dict.fromkeys(name for name, time, _ in sent if self.in_time(time))
        # A batch names each series once, where it first appears; a scan names it again with every sample.
        for name in timely if by_scan else dict.fromkeys(name for name, _, _ in sent if name in timely):
            if (tenant, name) not in self.known and len(self.known) < MOST:
                self.known[tenant, name] = None
        generation = self.generations[max(self.generations)]
        for name, time, value in sent:
            key = (tenant, name)
            fate = self.fate(key, time, bits(value), generation) if key in self.known else "limit"
            counts[fate] += 1
            if fate == "kept":
                generation.append((key, time, bits(value)))
                self.accepted.append((key, time, bits(value)))
                if key not in self.newest or time > self.newest[key][0]:
                    self.newest[key] = (time, bits(value))
        return counts

    # What happens.

    @rule(tenant=tenants, sent=rows, by_scan=st.booleans())
    def append(self, tenant: Tenant, sent: list[tuple[str, int, float]], by_scan: bool) -> None:
        sent = [(name, self.now + time, value) for name, time, value in sent]
        scope = self.live.series.scope(tenant)
        if by_scan:
            series = [
                proto.TimeSeries(
                    labels=[proto.Label(name=METRIC_NAME, value=name)],
                    samples=[proto.Sample(timestamp=time, value=value)],
                )
                for name, time, value in sent
            ]
            body = bytes(cramjam.snappy.compress_raw(proto.WriteRequest(timeseries=series).SerializeToString()))
            outcome = self.live.append_scan(scope, self.live.series.scan_remote_write(body, scope), self.now)
        else:
            keys = list(dict.fromkeys(name for name, _, _ in sent))
            batch = MetricBatch(
                [key_of(name) for name in keys],
                np.array([keys.index(name) for name, _, _ in sent], np.int32),
                np.array([time for _, time, _ in sent], np.int64),
                np.array([value for _, _, value in sent], np.float64),
            )
            outcome = self.live.append_batch(scope, batch, self.now)
        counts = self.expect(tenant, sent, by_scan=by_scan)
        assert outcome.samples == counts["kept"] + counts["repeated"]
        assert sum(one.count for one in outcome.refused) == counts["limit"] + counts["outside"] + counts["conflicting"]

    @rule(milliseconds=st.integers(1, 300))
    def time_passes(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(milliseconds=st.integers(1, 300))
    def the_clock_is_set_back(self, milliseconds: int) -> None:
        self.now -= milliseconds

    @rule(works=st.booleans(), rotate=st.booleans())
    def checkpoint(self, works: bool, rotate: bool) -> None:
        pending = self.live.take_pending()
        if rotate:
            before = self.live.epoch
            self.live.rotate()
            self.generations[max(self.generations) + 1] = []
            if self.live.epoch != before:
                alive = {key for generation in self.generations.values() for key, _, _ in generation}
                self.known = {key: None for key in self.known if key in alive}
                self.newest = {key: one for key, one in self.newest.items() if key in alive}
        if works:
            for one in pending:
                self.write(one)
        else:
            self.live.give_back(pending)

    def write(self, pending: Pending) -> None:
        scopes, lengths, joined = pending.series.export(0, pending.last_series)
        ends = np.cumsum([0, *lengths])
        owners = [
            (pending.series.tenants[scope], dict(decode_labels(joined[start:end]))[METRIC_NAME])
            for scope, start, end in zip(scopes, ends, ends[1:], strict=False)
        ]
        for batch in pending.batches:
            found = zip(batch.series.tolist(), batch.times.tolist(), batch.values.view(np.uint64).tolist(), strict=True)
            self.on_disk += [(owners[series], time, value) for series, time, value in found]

    @precondition(lambda self: len(self.generations) > 1)
    @rule(data=st.data())
    def drop(self, data: Any) -> None:
        number = data.draw(st.sampled_from(sorted(self.generations)[:-1]))
        self.live.drop(number)
        del self.generations[number]

    # What must hold.

    @invariant()
    def samples_are_those_that_came_first(self) -> None:
        for tenant in (DEFAULT_TENANT, Tenant("other")):
            expected: dict[tuple[str, int], int] = {}
            for number in sorted(self.generations):
                for (owner, name), time, value in self.generations[number]:
                    if owner == tenant:
                        expected.setdefault((name, time), value)
            chosen = combine([self.live.select(tenant, ANY, *ALL)])
            bounds = chosen.offsets.tolist()
            found = {
                (dict(decode_labels(key))[METRIC_NAME], int(time)): int(value)
                for key, begin, end in zip(chosen.keys, bounds, bounds[1:], strict=False)
                for time, value in zip(chosen.times[begin:end], chosen.values[begin:end].view(np.uint64), strict=True)
            }
            assert found == expected
            assert chosen.times.size == len(expected)

    @invariant()
    def the_latest_sample_is_the_newest_that_was_accepted(self) -> None:
        keys, columns = self.live.latest(DEFAULT_TENANT, ANY)
        found = {
            dict(decode_labels(keys[series]))[METRIC_NAME]: (time, value)
            for series, time, value in zip(
                columns.series.tolist(), columns.times.tolist(), columns.values.view(np.uint64).tolist(), strict=True
            )
            if time > 0
        }
        assert found == {name: one for (owner, name), one in self.newest.items() if owner == DEFAULT_TENANT}

    @invariant()
    def what_is_on_disk_or_pending_is_what_was_accepted(self) -> None:
        assert len(self.on_disk) + self.live.pending_samples == len(self.accepted) == self.live.samples_total
        assert self.live.series.size == len(self.known)

    def teardown(self) -> None:
        if hasattr(self, "live"):
            for one in self.live.take_pending():
                self.write(one)
            assert sorted(self.on_disk) == sorted(self.accepted)


TestLiveMetrics = LiveMetricsMachine.TestCase
TestLiveMetrics.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.fixture(autouse=True)
def few_dead_series_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_LEAST_DEAD", 3)


def batch(names: range, time: int) -> MetricBatch:
    keys = [key_of(f"s{name}") for name in names]
    size = len(keys)
    return MetricBatch(keys, np.arange(size, dtype=np.int32), np.full(size, time), np.ones(size))


def test_a_generation_older_than_most_series_survives_their_renumbering() -> None:
    """An old generation that waits to be sealed has no room for series that came after it."""
    live = LiveMetrics(TelemetryEngine().new_series_set(), Rules(10**6, 10**6, 10**6, 10**6))
    scope = live.series.scope(DEFAULT_TENANT)

    def rotate() -> None:
        live.take_pending()
        live.rotate()

    live.append_batch(scope, batch(range(500), 1000), 1000)
    rotate()
    live.append_batch(scope, batch(range(500, 3000), 1001), 1001)
    rotate()
    live.append_batch(scope, batch(range(3000, 6000), 1002), 1002)
    live.drop(2)
    rotate()
    assert live.series.size == 3500
    assert len(live.select(DEFAULT_TENANT, ANY, *ALL)[0]) == 3500
    assert live.select(DEFAULT_TENANT, ANY, 1000, 1000)[1].times.size == 500


def test_what_may_not_begin_leaves_no_series_and_is_told_by_reason() -> None:
    """A sender with a wrong clock or endless labels does not use up the limit of series."""
    live = LiveMetrics(TelemetryEngine().new_series_set(), Rules(RETENTION, WINDOW, AHEAD, 2))
    scope = live.series.scope(DEFAULT_TENANT)
    live.append_batch(scope, batch(range(1), 1000), 1000)
    keys = [key_of(name) for name in ("early", "late", "x" * 70_000, "fine", "above", "s0")]
    times = np.array([1000 - RETENTION - 1, 1000 + AHEAD + 1, 1000, 1000, 1000, 1000 - WINDOW - 1])
    sent = MetricBatch(keys, np.arange(6, dtype=np.int32), times, np.ones(6))
    outcome = live.append_batch(scope, sent, 1000)
    assert outcome.samples == 1
    assert live.series.size == 2
    reasons = {one.reason.split()[-1]: one.count for one in outcome.refused}
    assert reasons == {"values": 1, "bytes": 1, "clock": 1, "days": 1, "series": 1}
