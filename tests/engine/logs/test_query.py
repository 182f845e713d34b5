from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.logs.query import MAX_DEPTH, MAX_LENGTH, parse
from steersman.model.errors import InvalidInput
from steersman.model.search import And, Compare, Everything, Field, Not, Or, Phrase, Prefix, Query, Regex, Word

READ: list[tuple[str, Query]] = [
    ("", Everything()),
    (" * ", Everything()),
    ("Timeout DB", And((Word("timeout"), Word("db")))),
    ("a AND b", And((Word("a"), Word("b")))),
    ("a b OR c", Or((And((Word("a"), Word("b"))), Word("c")))),
    ("a (b OR c)", And((Word("a"), Or((Word("b"), Word("c")))))),
    ("-a NOT b", And((Not(Word("a")), Not(Word("b"))))),
    ("-(a b)", Not(And((Word("a"), Word("b"))))),
    ('"Connection \\"reset\\""', Phrase('connection "reset"')),
    ("conn*", Prefix("conn")),
    ("10.0.0.1", Word("10.0.0.1")),
    ("12:30:45", Word("12:30:45")),
    ("/api/v1/users", Word("/api/v1/users")),
    ("/Time(d )?out\\/x/", Regex("Time(d )?out\\/x", 1)),
    ("ORDER - a", And((Word("order"), Word("-"), Word("a")))),
    ("service:web-*", Field("service", Compare.EQUAL, "web-*", wild=True, position=1)),
    ('host.name="a *"', Field("host.name", Compare.EQUAL, "a *", position=1)),
    ("a code!=200", And((Word("a"), Not(Field("code", Compare.EQUAL, "200", position=3))))),
    ("severity>=warn", Field("severity", Compare.AT_LEAST, "warn", position=1)),
    ("duration<500ms", Field("duration", Compare.BELOW, "500ms", position=1)),
    ("连接 失败*", And((Word("连接"), Prefix("失败")))),
]


@pytest.mark.parametrize(("text", "query"), READ, ids=[text for text, _ in READ])
def test_a_text_is_read_as_the_language_says(text: str, query: Query) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("(a", 1),
        ("a)", 2),
        ('b "a', 3),
        ('a ""', 3),
        ("OR a", 1),
        ("a OR", 5),
        ("a AND", 6),
        ("k:", 3),
        ("a*b", 1),
        ("x severity>wa*", 3),
        ("()", 2),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, place: int) -> None:
    with pytest.raises(InvalidInput, match=f"^at character {place}: "):
        parse(text)


def test_a_query_that_is_too_long_or_too_deep_is_refused() -> None:
    with pytest.raises(InvalidInput, match="characters"):
        parse("a" * (MAX_LENGTH + 1))
    with pytest.raises(InvalidInput, match="nested"):
        parse("(" * (MAX_DEPTH + 1) + "a")
    with pytest.raises(InvalidInput, match="nested"):
        parse("-" * MAX_LENGTH)


@given(st.text(st.sampled_from('ab():="*/\\-<>! ORND中\n'), max_size=30) | st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert parse(text) == parse(text + " ")
