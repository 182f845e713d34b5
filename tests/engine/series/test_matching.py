"""Matchers in RE2's syntax: what it reads, what it refuses, and that nothing makes it slow."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.series.matching import matching_values
from steersman.model.errors import InvalidInput
from steersman.model.labels import Matcher, MatchOp


def hits(pattern: str, *values: str) -> list[bool]:
    return matching_values(Matcher("a", MatchOp.REGEX, pattern), values)


@given(st.from_regex(r"[ab|(?:).*+]{0,8}", fullmatch=True), st.lists(st.text("ab\n", max_size=5), max_size=5))
def test_simple_patterns_mean_what_python_takes_them_for(pattern: str, values: list[str]) -> None:
    """Of random patterns only those that Python reads too are compared; possessive ones are Python's alone."""
    try:
        expected = [re.fullmatch(f"(?s:{pattern})", value) is not None for value in values]
    except re.error:
        return
    try:
        found = matching_values(Matcher("a", MatchOp.REGEX, pattern), values)
    except InvalidInput:
        assert re.search(r"[*+?]{2}|\(\?", pattern)
        return
    if not re.search(r"[*+?]\+|\)", pattern):
        assert found == expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        (r"\d{3}", "404", True),
        (r"[[:alpha:]]+", "abc", True),
        (r"(?i)get", "GET", True),
        (r"\pL+", "грюße", True),
        (r"a\.b", "axb", False),
        ("a", "ab", False),
        ("a|b", "ab", False),
        ("(?:a|b)*", "abba", True),
        (r"\Qa.b\E", "a.b", True),
        (r"a\z", "a", True),
        ("a b", "a b", True),
        ("api-v1|web", "api-v1", True),
        ("a,b", "a,b", True),
        (r"\w|_", "_", True),
    ],
)
def test_re2_syntax_is_read_and_anchored_on_both_sides(pattern: str, value: str, expected: bool) -> None:
    assert hits(pattern, value) == [expected]


@pytest.mark.parametrize("pattern", ["(", "a)", "*", "[", r"\8", "(?<=a)b", r"(a)\1", "(?!a)", "a{1001}", "x**"])
@pytest.mark.parametrize("op", [MatchOp.REGEX, MatchOp.NOT_REGEX])
def test_what_re2_cannot_read_is_refused_in_words(pattern: str, op: MatchOp) -> None:
    with pytest.raises(InvalidInput, match="regular expression"):
        matching_values(Matcher("a", op, pattern), ["a"])


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a*)*b", "(.*a){12}", "((a{0,30}){0,30})b", "a*" * 30 + "b"])
def test_a_hostile_pattern_is_as_fast_as_any_other(pattern: str) -> None:
    before = time.process_time()
    hits(pattern, *["a" * 5_000] * 20)
    assert time.process_time() - before < 5.0
