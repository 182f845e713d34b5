"""Rates between two looks, the ring, and what a person is told about a source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.services.telemetry.logic.live import (
    FIRST_SECONDS,
    IDLE_SECONDS,
    RING_SECONDS,
    WATCHED_SECONDS,
    Counters,
    CpuTimes,
    Feed,
    SourceRow,
    SourceState,
    columns,
    read_between,
)

IDLE = CpuTimes(0, 0, 0, 0, 100)
AT_START = Counters(
    time_ms=1_000_000, cores=(IDLE, IDLE), memory_total=8 << 30, memory_used=3 << 30, memory_cached=2 << 30,
    memory_available=5 << 30, disk_read=1_000, disk_written=2_000, net_received=3_000, net_sent=4_000,
)  # fmt: skip


def later(seconds: float, **changes: object) -> Counters:
    return replace(AT_START, time_ms=AT_START.time_ms + int(seconds * 1000), **changes)  # type: ignore[arg-type]


def test_rates_are_growth_per_second() -> None:
    """5,000 bytes more after two seconds are 2,500 bytes/s."""
    reading = read_between(AT_START, later(2, disk_read=6_000))
    assert reading is not None
    assert (reading.read, reading.write) == (2_500, 0)


def test_cpu_is_the_share_of_all_cores_and_of_each() -> None:
    """One busy core of two is 50 percent of the machine."""
    reading = read_between(AT_START, later(2, cores=(CpuTimes(1.5, 0.5, 0, 0, 100), CpuTimes(0, 0, 0, 0, 102))))
    assert reading is not None
    assert (reading.user, reading.system, reading.busy) == (37.5, 12.5, 50.0)
    assert reading.cores == (100.0, 0.0)


def test_counters_that_ran_backwards_are_no_traffic() -> None:
    """A device that was taken out and put back starts at nothing."""
    reading = read_between(AT_START, later(2, net_received=10))
    assert reading is not None
    assert reading.receive == 0


@pytest.mark.parametrize("after", [later(0), later(-5), later(2, cores=(IDLE,))])
def test_two_looks_that_cannot_be_compared_make_no_reading(after: Counters) -> None:
    """No time between them, a clock set back, a core that came or went."""
    assert read_between(AT_START, after) is None


times = st.builds(CpuTimes, *[st.floats(0, 1e9) for _ in range(5)])


@given(before=st.tuples(times, times), after=st.tuples(times, times), seconds=st.integers(1, 10_000))
def test_whatever_the_kernel_says_percents_stay_percents(
    before: tuple[CpuTimes, ...], after: tuple[CpuTimes, ...], seconds: int
) -> None:
    """A chart from 0 to 100 never meets another value."""
    reading = read_between(replace(AT_START, cores=before), later(seconds, cores=after))
    assert reading is not None
    assert all(0 <= share <= 100 for share in (reading.user, reading.system, reading.iowait, reading.other))
    assert all(0 <= share <= 100 for share in reading.cores)


def test_the_ring_keeps_ten_minutes() -> None:
    """What is older than the page shows is forgotten."""
    feed = Feed()
    for step in range(400):
        feed.look(later(step * 2))
    kept = feed.since(0)
    assert kept[-1].time_ms - kept[0].time_ms == RING_SECONDS * 1000


def test_a_browser_that_comes_back_gets_what_it_missed() -> None:
    """Only the readings after the one that it knows."""
    feed = Feed()
    for step in range(5):
        feed.look(later(step * 2))
    assert [reading.time_ms for reading in feed.since(later(4).time_ms)] == [later(6).time_ms, later(8).time_ms]


def test_the_machine_is_read_often_only_while_somebody_watches() -> None:
    """Two seconds with a watcher, five without."""
    feed = Feed()
    feed.look(AT_START)
    feed.look(later(1))
    assert not feed.due(later(1 + WATCHED_SECONDS).time_ms)
    assert feed.due(later(1 + IDLE_SECONDS).time_ms)
    with feed.watching(lambda: None):
        assert feed.due(later(1 + WATCHED_SECONDS).time_ms)
    assert not feed.watched


def test_the_first_reading_comes_a_second_after_the_start() -> None:
    """Whoever opens the page right after the start sees figures at once."""
    feed = Feed()
    feed.look(AT_START)
    assert feed.due(later(FIRST_SECONDS).time_ms)


def test_a_clock_that_was_set_back_does_not_stop_the_sampling() -> None:
    """A last look in the future says nothing about when the next is due."""
    feed = Feed()
    feed.look(later(3_600))
    assert feed.due(AT_START.time_ms)


def test_what_was_known_before_the_start_comes_before_what_was_read_since() -> None:
    """A restart leaves no hole, and nothing is shown twice."""
    feed = Feed()
    for step in range(10, 13):
        feed.look(later(step * 2))
    feed.recall([later(step * 5) for step in range(6)])
    assert [reading.time_ms - AT_START.time_ms for reading in feed.since(0)] == [
        5000,
        10000,
        15000,
        20000,
        22000,
        24000,
    ]


def test_every_watcher_is_woken_by_a_reading() -> None:
    """The first look alone is no reading; it has nothing to be compared with."""
    feed, woken = Feed(), []
    with feed.watching(lambda: woken.append("a")), feed.watching(lambda: woken.append("b")):
        feed.look(AT_START)
        assert woken == []
        feed.look(later(2))
    assert sorted(woken) == ["a", "b"]


def test_columns_carry_the_first_time_and_then_the_steps() -> None:
    """Shorter on the wire than 13 digits for each reading; memory is in MiB."""
    feed = Feed()
    for step in range(4):
        feed.look(later(step * 2))
    sent = columns(feed.since(0))
    assert sent["t"] == [later(2).time_ms, 2_000, 2_000]
    assert sent["memory_used"] == [3_072] * 3


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (SourceRow(kind="scrape", name="a", samples=9, last_ms=95_000, interval_seconds=15), SourceState.FRESH),
        (SourceRow(kind="scrape", name="a", samples=9, last_ms=54_000, interval_seconds=15), SourceState.STALE),
        (SourceRow(kind="scrape", name="a", samples=0, last_ms=95_000, error="refused"), SourceState.FAILING),
        (SourceRow(kind="syslog", name="a", samples=0), SourceState.WAITING),
        (SourceRow(kind="push", name="a", samples=9, last_ms=-190_000), SourceState.FRESH),
        (SourceRow(kind="push", name="a", samples=9, last_ms=-210_000), SourceState.STALE),
    ],
)
def test_a_source_is_stale_after_three_missed_intervals(row: SourceRow, state: SourceState) -> None:
    """An error counts more than age; a source that pushes has five minutes."""
    assert row.state(100_000) is state
