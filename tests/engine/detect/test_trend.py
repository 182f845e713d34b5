"""A steady rise is told from a step, from noise, and from a wave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.detect.trend import growth

TIMES = np.arange(320, dtype=np.int64) * 2_000


@given(slope=st.floats(0.01, 1e6), points=st.sampled_from([6, 20, 120]), extra=st.integers(0, 1000))
def test_a_line_has_its_own_slope_wherever_the_ring_stands(slope: float, points: int, extra: int) -> None:
    count = 320 + extra
    at = np.arange(extra, count)
    times, values = np.zeros(320, np.int64), np.zeros(320, np.float32)
    times[at % 320], values[at % 320] = at * 2_000, at * 2 * slope
    found, rise = growth(times, values, count, points)
    assert found == pytest.approx(slope, rel=0.02)
    assert rise > 0


@given(st.integers(0, 2**32 - 1), st.sampled_from([20, 120]))
def test_noise_and_steps_and_falls_do_not_rise(seed: int, points: int) -> None:
    rng = np.random.default_rng(seed)
    step = np.where(np.arange(320) < 300 + 0 * points, 1.0, 50.0)
    for values in (step, -np.arange(320.0), np.full(320, 3.0)):
        noisy = (values + rng.normal(0, 1e-3, 320)).astype(np.float32)
        _, rise = growth(TIMES, noisy, 320, points)
        assert rise < 1.0


def test_too_few_points_say_nothing() -> None:
    assert growth(TIMES, np.arange(320, dtype=np.float32), 5, 6) == (0.0, 0.0)
