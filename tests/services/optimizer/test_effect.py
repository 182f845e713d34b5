"""Paired periods: real gains are found, chance is called chance, and harm is seen at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.services.optimizer.logic.effect import effect_of, harms, order_of, values_of, verdict
from steersman.services.optimizer.model.wire import Effect, Period


def periods(control: list[float], tried: list[float]) -> list[Period]:
    return [
        Period(tried=is_tried, started_ms=0, value=value)
        for one, other in zip(control, tried, strict=True)
        for is_tried, value in ((False, one), (True, other))
    ]


def test_six_better_pairs_are_no_accident() -> None:
    """All six differences have one sign: one of 64 sign flips is as good."""
    effect = effect_of(periods([10, 11, 12, 10, 11, 12], [8, 9, 10, 8, 9, 10]), lower_is_better=True)
    assert effect is not None
    assert (effect.difference, effect.chance) == (-2, 1 / 64)
    assert verdict(effect, least_gain=0.02, significance=0.05)[0]
    assert not verdict(effect, least_gain=0.5, significance=0.05)[0]


def test_a_rising_load_does_not_look_like_an_effect() -> None:
    """Neighbours are compared, so a trend cancels out but for its step, and the order of pairs is drawn."""
    load = np.arange(12) * 10.0
    order = order_of("an id", 6)
    told = [Period(tried=tried, started_ms=0, value=float(at)) for tried, at in zip(order, load, strict=True)]
    effect = effect_of(told, lower_is_better=True)
    assert effect is not None
    assert not verdict(effect, least_gain=0.02, significance=0.05)[0]


def test_chance_alone_is_rarely_kept() -> None:
    """Of a thousand experiments without an effect, about one in twenty may seem to have one, and no more."""
    chance = np.random.default_rng(11)
    kept = 0
    for _ in range(1000):
        control, tried = chance.normal(10, 1, 6).tolist(), chance.normal(10, 1, 6).tolist()
        kept += verdict(effect_of(periods(control, tried), lower_is_better=True), least_gain=0, significance=0.05)[0]
    assert kept < 75


@given(st.text(max_size=30), st.integers(5, 12))
def test_every_pair_has_one_of_each(id: str, pairs: int) -> None:
    order = order_of(id, pairs)
    assert all(order[at] != order[at + 1] for at in range(0, 2 * pairs, 2))
    assert order == order_of(id, pairs)


def test_too_little_is_no_effect() -> None:
    told = periods([1.0] * 6, [0.5] * 6)
    for at in (1, 4):
        told[at] = told[at].model_copy(update={"value": None})
    assert effect_of(told, lower_is_better=True) is None
    assert not verdict(None, least_gain=0, significance=0.05)[0]


@pytest.mark.parametrize(
    ("control", "tried", "lower", "expected"),
    [
        ([10, 11, 10, 9], [10, 16, 17, 16], True, True),
        ([10, 11, 10, 9], [10, 16, 10, 16], True, False),
        ([10, 11, 10, 9], [5, 5, 5], False, True),
        ([10, 30, 10, 20], [25, 25, 25], True, False),
        ([0, 0, 0, 0], [1, 1, 1], True, True),
        ([0, 0, 0, 0], [0, 0, 0], True, False),
        ([10, 11], [90, 90, 90], True, False),
    ],
)
def test_harm_is_three_readings_beyond_scatter(
    control: list[float], tried: list[float], lower: bool, expected: bool
) -> None:
    assert harms(control, tried, lower_is_better=lower, share=0.25) is expected


def test_totals_become_rates_and_means() -> None:
    """A counter that starts anew says nothing in that step."""
    readings = [(0.0, 0.0, 0.0), (2.0, 10.0, 5.0), (4.0, 2.0, 1.0), (6.0, 6.0, 3.0)]
    assert values_of(readings, "count") == [5.0, 2.0]
    assert values_of(readings, "mean") == [2.0, 2.0]
    assert values_of(readings, "level") == [0.0, 10.0, 2.0, 6.0]


def test_gain_is_up_where_more_is_better() -> None:
    effect = effect_of(periods([10.0] * 6, [12.0] * 6), lower_is_better=False)
    assert isinstance(effect, Effect)
    assert effect.gain == pytest.approx(0.2)
