"""Samples on a grid: what is told, what is unknown, and what resets do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.forecast.regular import filled, means, rates, share_known, trimmed


def test_samples_are_averaged_where_they_lie_and_silence_stays_unknown() -> None:
    """Nothing is drawn over a step without a sample."""
    found = means(np.array([0, 5, 25, 99]), np.array([1.0, 3.0, 7.0, 9.0]), 0, 10, 4)
    np.testing.assert_array_equal(found, [2.0, np.nan, 7.0, np.nan])


def test_a_reset_is_not_a_fall() -> None:
    """A counter that starts again at 5 has grown by 5."""
    times, values = np.arange(4) * 1000, np.array([10.0, 20.0, 5.0, 6.0])
    np.testing.assert_allclose(rates(times, values, 0, 2000, 2, silence_ms=1000), [10.0, 3.0])


def test_a_long_silence_says_nothing_about_the_rate() -> None:
    """What a counter did while nobody looked could have been at any time."""
    found = rates(np.array([0, 50_000]), np.array([0.0, 100.0]), 0, 60_000, 1, silence_ms=10_000)
    assert np.isnan(found).all()


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=60))
def test_the_rates_of_a_counter_add_up_to_its_increase(steps: list[float]) -> None:
    """Whatever the borders of the steps, nothing is lost or counted twice."""
    values = np.cumsum(steps)
    times = np.arange(values.size) * 1000
    found = rates(times, values, 0, 7000, 10, silence_ms=1000)
    seconds = np.bincount(times[1:] // 7000, minlength=10)
    assert np.nansum(found * seconds) == pytest.approx(values[-1] - values[0], abs=1e-3)


def test_lines_are_drawn_between_known_points_only() -> None:
    """The ends of a series are where something is known."""
    inside = trimmed(np.array([np.nan, 1.0, np.nan, 3.0, np.nan]))
    np.testing.assert_array_equal(filled(inside), [1.0, 2.0, 3.0])
    assert share_known(inside) == pytest.approx(2 / 3)


def test_nothing_is_made_of_nothing() -> None:
    """A series of unknown points is refused."""
    with pytest.raises(ValueError, match="nothing is known"):
        filled(np.full(3, np.nan))
