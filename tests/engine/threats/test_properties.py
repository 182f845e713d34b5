from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.threats import (
    Field,
    Kind,
    clues,
    decoding,
    inspect,
    inspect_value,
    markup,
    paths,
    request,
    screen,
    shell_shapes,
    shells,
    sql,
    sql_lexer,
    sql_shapes,
    xss,
    xss_shapes,
)

ATTACKS = ["' or 1=1--", "1 union select 1,2", "<script>alert(1)</script>", "../../../etc/passwd", ";cat /etc/passwd"]
_PRINTED = """' " < > ( ) %27 %25 &#x27; \\u0027 /* */ -- or union select on = script {{ }} ../ $( ` ; | +ADw- 0x41"""
PIECES = st.sampled_from([*_PRINTED.split(), "\ud800", "\x00", "\xbc", "é", "\r\n", " "])
VALUES = st.one_of(st.text(max_size=200), st.binary(max_size=200), st.lists(PIECES, max_size=40).map("".join))


@given(VALUES, st.sampled_from(list(Field)))
def test_every_value_gets_a_verdict_and_the_same_each_time(value: str | bytes, field: Field) -> None:
    verdict = inspect_value(value, field)
    assert verdict == inspect_value(value, field)
    assert 0 <= verdict.score <= 100
    assert verdict.reason


@given(VALUES)
def test_every_request_gets_a_verdict(raw: str | bytes) -> None:
    assert inspect(raw).reason


@given(VALUES, st.booleans())
def test_decoding_takes_a_bounded_number_of_layers_and_never_grows_without_bound(
    value: str | bytes, plus: bool
) -> None:
    decoded = decoding.decode(value, plus_is_space=plus)
    assert len(decoded.layers) <= 3 * decoding.MOST_ROUNDS + 3
    assert len(decoded.text) <= 40 * len(value)


@given(st.sampled_from(ATTACKS), st.data())
def test_the_case_of_letters_changes_no_kind(attack: str, data: st.DataObject) -> None:
    upper = data.draw(st.lists(st.booleans(), min_size=len(attack), max_size=len(attack)))
    mixed = "".join(letter.upper() if up else letter for letter, up in zip(attack, upper, strict=True))
    assert inspect_value(mixed).kind is inspect_value(attack).kind


@given(st.sampled_from(ATTACKS), st.lists(st.sampled_from(["percent", "twice", "entities", "escapes"]), max_size=2))
def test_encodings_around_an_attack_change_no_kind(attack: str, layers: list[str]) -> None:
    text = attack
    for layer in layers:
        text = _wrapped(text, layer)
    assert inspect_value(text).kind is inspect_value(attack).kind


def _wrapped(text: str, layer: str) -> str:
    if layer == "entities":
        return "".join(f"&#{ord(letter)};" if letter in "'<>/;=(" else letter for letter in text)
    if layer == "escapes":
        return "".join(f"\\x{ord(letter):02x}" if letter in "'<>" else letter for letter in text)
    signs = {"percent": "%", "twice": "%25"}[layer]
    return "".join(letter if letter.isalnum() else f"{signs}{ord(letter):02x}" for letter in text)


WORDS = st.lists(
    st.sampled_from(
        [
            "the",
            "order",
            "from",
            "our",
            "shop",
            "and",
            "a",
            "table",
            "we",
            "like",
            "please",
            "update",
            "my",
            "address",
            "thanks",
        ]
    ),
    max_size=30,
)


@given(WORDS, WORDS)
def test_honest_words_behind_honest_words_stay_honest(first: list[str], second: list[str]) -> None:
    assert inspect_value(" ".join(first + second)).kind is Kind.NONE


@given(st.sampled_from(ATTACKS), st.integers(0, 5000))
def test_padding_in_front_hides_nothing(attack: str, size: int) -> None:
    assert inspect_value("a" * size + " " + attack).is_attack


MODULES = (
    decoding, markup, paths, request, screen, shell_shapes, shells, sql, sql_lexer, sql_shapes, xss, xss_shapes,
)  # fmt: skip


def _patterns(value: Any) -> list[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        return [value]
    if isinstance(value, clues.Clues):
        return [form.pattern for _, _, form in value.forms]
    if isinstance(value, tuple | dict):
        inner = value.values() if isinstance(value, dict) else value
        return [pattern for one in inner for pattern in _patterns(one)]
    return _patterns(value.pattern) if hasattr(value, "pattern") else []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_no_pattern_can_be_made_to_go_back_without_end(module: ModuleType) -> None:
    """Every repetition is bounded or gives nothing back: matching is linear by construction, not by luck."""
    for name, value in vars(module).items():
        for pattern in _patterns(value):
            assert not _open_ended(re._parser.parse(pattern.pattern, pattern.flags)), f"{name}: {pattern.pattern}"  # type: ignore[attr-defined]


def _open_ended(parsed: Any) -> bool:
    """Whether a repetition without an upper bound may be taken back, step by step."""
    for operator, argument in parsed:
        name = str(operator)
        if name in {"MAX_REPEAT", "MIN_REPEAT"} and str(argument[1]) == "MAXREPEAT":
            return True
        if any(_open_ended(inner) for inner in _inside(name, argument)):
            return True
    return False


def _inside(name: str, argument: Any) -> list[Any]:
    if name.endswith("_REPEAT") or name == "REPEAT":
        return [argument[2]]
    if name == "SUBPATTERN":
        return [argument[3]]
    if name == "BRANCH":
        return list(argument[1])
    return [argument] if name == "ATOMIC_GROUP" else [argument[1]] if name.startswith("ASSERT") else []
