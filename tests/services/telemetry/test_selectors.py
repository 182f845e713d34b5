"""Selectors that a person or a program may write; what they mean is compared with Prometheus in test_prometheus_api."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp
from steersman.services.telemetry.logic.selectors import Selector, duration_ms, parse, parse_matchers

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
matchers = st.builds(Matcher, names, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), texts)
space = st.sampled_from(["", " ", "\n", "# why\n"])


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(one):08x}" if one in '"\\\n' or ord(one) < 32 else one for one in text) + '"'


@given(names, st.lists(matchers, max_size=4), st.integers(1, 10**9), st.integers(-(10**9), 10**9), space)
def test_what_is_written_is_read(name: str, wanted: list[Matcher], span: int, offset: int, gap: str) -> None:
    inside = ",".join(f"{gap}{one.name}{gap}{one.op}{gap}{quoted(one.value)}" for one in wanted)
    sign = "-" if offset < 0 else ""
    text = f"{gap}{name}{gap}{{{inside}}}{gap}[{span}ms]{gap} offset {sign}{abs(offset)}ms{gap}"
    expected = (Matcher(METRIC_NAME, MatchOp.EQUAL, name), *wanted)
    assert parse(text) == Selector(expected, span, offset)


@example('{a="\\Uffffffff"}')
@example('{a="\\ud800"}')
@example("a[" + "9" * 5000 + "y]")
@given(st.text(max_size=30) | st.text('a{}[]=!~",\\05ms offset', max_size=30))
def test_any_text_is_a_selector_or_refused_in_words(text: str) -> None:
    with suppress(InvalidInput):
        assert parse(text).matchers


@pytest.mark.parametrize(
    "pattern", ["(?:(?:(?:){900}){900}){900}", "(a*)*" * 20, "(a+)+$", "((((a?){99}){99}){99}){9}"]
)
def test_a_hostile_pattern_costs_little_time(pattern: str) -> None:
    before = time.process_time()
    with suppress(InvalidInput):
        parse(f'm{{a=~"{pattern}"}}')
    assert time.process_time() - before < 2.0


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("100ms", 100),
        ("1y2w3d4h5m6s7ms", 33_019_506_007),
        ("0s", 0),
        ("1m1ms", 60_001),
    ],
)
def test_durations_are_read_as_prometheus_reads_them(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "m", "1h1h", "1s1m", "1.5h", "-5m", "293y", "9" * 15 + "y", "٣m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        duration_ms(text)


@pytest.mark.parametrize("text", ["up[5m]", "up offset 5m"])
def test_a_selector_of_series_has_neither_range_nor_offset(text: str) -> None:
    with pytest.raises(InvalidInput, match="leave out"):
        parse_matchers(text)


def test_an_error_names_the_position() -> None:
    with pytest.raises(InvalidInput, match="1:8"):
        parse("up{job=5}")
