"""Forecasts on series whose future is known, bands on noise whose spread is known, and dates of exhaustion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.forecast.backtest import choose, measure, origins_of
from steersman.engine.forecast.naive import Method, predict
from steersman.engine.forecast.outlook import exhaustion, outlook
from steersman.engine.forecast.trend import slope

DAY = 24


def wave(days: int, per_day: float = 0.0, noise: float = 0.0) -> np.ndarray:
    hours = np.arange(days * DAY)
    chance = np.random.default_rng(1)
    return (
        50 + 20 * np.sin(hours * 2 * np.pi / DAY) + per_day * hours / DAY + noise * chance.standard_normal(hours.size)
    )


def test_a_daily_wave_is_found_and_repeated_exactly() -> None:
    """What repeats without noise is forecast without error."""
    found = outlook(wave(10), 2 * DAY, (DAY, 7 * DAY))
    assert found.test.method == Method(DAY)
    assert found.test.smape == pytest.approx(0, abs=1e-9)
    assert np.isnan(found.test.mase), "nothing scales the error of what repeats exactly"
    np.testing.assert_allclose(found.points, wave(12)[10 * DAY :], atol=1e-6)


def test_a_growing_wave_grows_on() -> None:
    """Season and trend at once."""
    found = outlook(wave(14, per_day=3.0), 3 * DAY, (DAY,))
    assert found.test.method == Method(DAY, drift=True)
    np.testing.assert_allclose(found.points, wave(17, per_day=3.0)[14 * DAY :], atol=1e-6)


def test_a_straight_line_meets_its_limit_when_it_does() -> None:
    """From 0 by one a step, after 100 points, 120 is met 21 steps after 99."""
    when = exhaustion(outlook(np.arange(100.0), 60), 120.0)
    assert (when.earliest, when.expected) == (21, 21)
    assert when.latest in {21, 22}


def test_what_does_not_grow_has_no_date() -> None:
    """Noise around a level is not a trend, and a limit far above it is not met."""
    values = 10 + np.random.default_rng(3).standard_normal(400)
    when = exhaustion(outlook(values, 400, (DAY,)), 100.0)
    assert (when.expected, when.latest) == (None, None)


def test_a_limit_below_is_met_from_above() -> None:
    """Free space runs down."""
    when = exhaustion(outlook(100.0 - np.arange(80.0), 60), 0.0, "down")
    assert when.expected == 21


def test_the_band_holds_what_it_says() -> None:
    """Of the points that came after, about nine in ten lie inside the band of nine in ten."""
    inside = []
    for seed in range(40):
        chance = np.random.default_rng(seed)
        hours = np.arange(20 * DAY)
        values = 50 + 20 * np.sin(hours * 2 * np.pi / DAY) + chance.standard_normal(hours.size)
        found = outlook(values[: 18 * DAY], 2 * DAY, (DAY,))
        actual = values[18 * DAY :]
        inside.append(np.mean((actual >= found.low) & (actual <= found.high)))
    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)


def test_the_band_of_a_random_walk_widens() -> None:
    """The further ahead, the less is known."""
    walk = np.cumsum(np.random.default_rng(5).standard_normal(1000))
    found = outlook(walk, 200)
    assert found.high[-1] - found.low[-1] > 2 * (found.high[0] - found.low[0])


@given(st.integers(0, 2**32 - 1))
def test_a_back_test_never_peeks(seed: int) -> None:
    """Whatever comes after the last point that an origin is compared with changes nothing."""
    chance = np.random.default_rng(seed)
    values = np.cumsum(chance.standard_normal(100))
    choosing, measuring = origins_of(100, 10)
    method = choose(values, 10, (7,), choosing)
    altered = values.copy()
    altered[choosing[-1] + 10 :] += 1e6
    assert choose(altered, 10, (7,), choosing) == method
    early = measure(values, method, 10, measuring[:1])
    altered = values.copy()
    altered[measuring[0] + 10 :] = -1e9
    assert measure(altered, method, 10, measuring[:1]).mase == early.mase


def test_outliers_do_not_bend_the_trend() -> None:
    """A fifth of the points may be anything."""
    values = 0.5 * np.arange(500.0)
    values[::5] += 1e6 * np.random.default_rng(2).standard_normal(100)
    assert slope(values) == pytest.approx(0.5, rel=0.01)
    assert slope(values[:100]) == pytest.approx(0.5, rel=0.05)


@given(st.floats(-1e3, 1e3), st.floats(-10, 10), st.integers(2, 400))
def test_a_line_has_its_own_slope(start: float, step: float, size: int) -> None:
    assert slope(start + step * np.arange(size)) == pytest.approx(step, abs=1e-6)


@pytest.mark.parametrize("size", [0, 1, 15])
def test_too_little_is_refused(size: int) -> None:
    """A forecast without a tested error is not given."""
    with pytest.raises(ValueError, match="too few"):
        outlook(np.ones(size), 10)


def test_a_level_line_stays_level() -> None:
    """Nothing that never moved is said to be uncertain by more than a hair."""
    found = outlook(np.full(50, 7.0), 100)
    np.testing.assert_array_equal(found.points, np.full(100, 7.0))
    assert np.max(found.high - found.low) < 1e-6


def test_a_season_is_repeated_as_often_as_asked() -> None:
    np.testing.assert_array_equal(predict(np.array([1.0, 2.0, 3.0]), Method(3), 5), [1.0, 2.0, 3.0, 1.0, 2.0])
