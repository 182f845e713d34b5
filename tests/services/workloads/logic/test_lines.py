"""Lines are cut out of pieces of a file without losing or repeating one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steersman.services.workloads.logic.lines import LINE_BYTES, Allowance, cut, level_of

LINE = st.binary(min_size=1, max_size=20).filter(lambda line: b"\n" not in line and line.strip())


@given(st.lists(LINE, max_size=30), st.integers(1, 50))
def test_whatever_the_pieces_the_lines_are_the_same(lines: list[bytes], size: int) -> None:
    text = b"".join(line + b"\n" for line in lines)
    found: list[bytes] = []
    offset, end = 0, size
    while end < len(text) + size:
        piece = cut(text[offset:end])
        found += piece.lines
        offset += piece.used
        end += size
    assert found == lines


def test_a_line_without_an_end_is_waited_for_until_it_is_too_long() -> None:
    assert cut(b"half a line").used == 0
    assert cut(b"x" * LINE_BYTES).used == LINE_BYTES


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 3)), max_size=40), st.integers(1, 100))
def test_no_more_comes_in_than_the_rate_allows(arrivals: list[tuple[int, float]], rate: int) -> None:
    allowance, now, taken = Allowance(rate, 0.0), 0.0, 0
    for lines, seconds in arrivals:
        now += seconds
        allowance, allowed = allowance.spent(lines, rate, now)
        assert 0 <= allowed <= lines
        taken += allowed
        assert taken <= rate * (1 + now) + 1e-6


def test_the_first_level_word_near_the_beginning_counts() -> None:
    assert level_of("2026-01-01 ERROR could not reach INFO desk") == 17
    assert level_of('{"level": "warning", "msg": "x"}') == 13
    assert level_of("terrors of the deep") == 9
    assert level_of("x" * 200 + " ERROR") == 9
