"""The steps of a range query against a scan in plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.series.steps import at_steps, is_stale
from steersman.model.telemetry import STALE_NAN_BITS

STALE = float(np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0])
series = st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=12, unique_by=lambda pair: pair[0]).map(sorted)


def scanned(samples: list[tuple[int, bool]], step: int, lookback: int) -> int | None:
    """The time of the sample that a step sees, if any."""
    seen = [(time, stale) for time, stale in samples if step - lookback <= time <= step]
    return None if not seen or seen[-1][1] else seen[-1][0]


@given(st.lists(series, max_size=4), st.integers(1, 9), st.integers(0, 20), st.integers(-5, 5))
def test_steps_see_the_last_sample_in_reach(
    many: list[list[tuple[int, bool]]], width: int, lookback: int, offset: int
) -> None:
    """Each step has the newest sample of its lookback, and none when that one marks the end of the series."""
    steps = np.arange(0, 70, width)
    times = np.array([time for one in many for time, _ in one], np.int64)
    values = np.array([STALE if stale else float(time) for one in many for time, stale in one])
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in many])]).astype(np.int64)
    bounds, at, found = at_steps(times, values, offsets, steps, offset=offset, lookback=lookback)
    for number, one in enumerate(many):
        wanted = [(step, scanned(one, step - offset, lookback)) for step in steps.tolist()]
        got = list(zip(at.tolist(), found.tolist(), strict=True))[bounds[number] : bounds[number + 1]]
        assert got == [(step, time) for step, time in wanted if time is not None]


def test_only_the_marker_itself_is_stale() -> None:
    """Other NaNs are values like any other."""
    assert is_stale(np.array([STALE, float("nan"), 1.0])).tolist() == [True, False, False]
