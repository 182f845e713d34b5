"""Values as text: held against Go's rules, spelled out in Python over its own shortest form."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.series.json_samples import pairs_json


def go_text(value: float) -> str:
    """What Go's strconv.FormatFloat(value, 'f', -1, 64) writes, and 'e' outside 1e-6 to 1e21, as Prometheus asks."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value).removesuffix(".0")
    if "e" in text and 1e-6 <= abs(value) < 1e21:
        return np.format_float_positional(value, trim="-")
    return text


def time_text(milliseconds: int) -> str:
    seconds, rest = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"


def expected(times: list[int], values: list[float]) -> str:
    return ",".join(f'[{time_text(t)},"{go_text(v)}"]' for t, v in zip(times, values, strict=True))


decimals = st.builds(lambda digits, places: digits / 10**places, st.integers(-(10**16), 10**16), st.integers(0, 18))
values = st.lists(st.one_of(st.floats(), decimals, st.integers(-(2**60), 2**60).map(float)), max_size=40)


@given(values, st.integers(-(10**12), 4 * 10**12))
def test_values_are_written_as_go_writes_them(values: list[float], first: int) -> None:
    """Every float64 has the text that Prometheus gives it."""
    times = [first + 15_000 * i for i in range(len(values))]
    array = np.array(values, np.float64)
    text = pairs_json(np.array(times, np.int64), array, np.array([0, len(values)]))
    assert text == [expected(times, values)]


def test_the_edges_of_the_shortest_form() -> None:
    """Fifteen digits, the last exact integers, the turns to an exponent and both zeros."""
    edges = [1e15, 1e15 - 0.5, 1e16, 1e20, 1e21, 1e22, 1e-4, 1e-5, 1e-6, 9.99e-7, 5e-324, 1.7976931348623157e308]
    edges += [0.0, -0.0, 2.0**53, 2.0**53 + 2, 0.1 + 0.2, 123456789012345.6, -1e-7, 1 / 3, 1e23, 4.35, 0.57]
    times = list(range(len(edges)))
    assert pairs_json(np.array(times), np.array(edges), np.array([0, len(edges)])) == [expected(times, edges)]


def test_series_are_kept_apart() -> None:
    """Commas stand inside a series only, and an empty series has no text."""
    found = pairs_json(np.array([1000, 2000, 3500]), np.array([1.0, 0.5, 1 / 3]), np.array([0, 2, 2, 3]))
    assert found == ['[1,"1"],[2,"0.5"]', "", '[3.500,"0.3333333333333333"]']
