"""The grid in time on which a target is scraped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steersman.services.telemetry.logic.schedule import aligned, delay, offset_seconds

intervals = st.sampled_from([0.5, 1.0, 5.0, 15.0, 60.0])
walls = st.floats(1.7e9, 1.9e9)


def test_targets_are_spread_over_the_interval_and_stay_where_they_are() -> None:
    """A thousand targets hit every tenth of the interval about equally."""
    tenths = [int(offset_seconds(f"t{n}", 15.0) / 1.5) for n in range(1000)]
    assert min(tenths.count(tenth) for tenth in range(10)) > 60
    assert offset_seconds("t1", 15.0) == offset_seconds("t1", 15.0)


@given(walls, intervals, st.floats(0, 1e6))
def test_next_scrape_is_on_the_grid_and_neither_at_once_nor_late(wall: float, interval: float, since: float) -> None:
    """Half an interval lies between two scrapes at least, one and a half at most."""
    offset = offset_seconds("x", interval)
    wait = delay(wall, since, interval, offset)
    assert 0 <= wait < 1.5 * interval
    assert since + wait >= interval / 2
    assert abs(aligned(wall + wait, interval, offset) - (wall + wait)) < 1e-3


@given(walls, intervals)
def test_early_wake_does_not_scrape_twice(wall: float, interval: float) -> None:
    """A timer may fire a little before its time."""
    offset = offset_seconds("x", interval)
    first = wall + delay(wall, interval, interval, offset)
    assert delay(first - 0.001, 0.0, interval, offset) > 0.9 * interval


@given(walls, st.floats(-1e7, 1e7))
def test_clock_that_is_set_moves_the_grid_once(wall: float, jump: float) -> None:
    """Whatever it was set to, the next scrape comes within one and a half intervals, and the one after on the grid."""
    offset = offset_seconds("x", 15.0)
    wait = delay(wall + jump, 3.0, 15.0, offset)
    assert wait < 22.5
    after = delay(wall + jump + wait, 0.0, 15.0, offset)
    assert abs(after - 15.0) < 1e-3


def test_time_near_the_grid_is_the_grids_and_far_from_it_is_kept() -> None:
    """A late scrape must not claim to have been in time."""
    assert aligned(1_500_000.02, 15.0, 0.0) == 1_500_000.0
    assert aligned(1_500_000.2, 15.0, 0.0) == 1_500_000.2
