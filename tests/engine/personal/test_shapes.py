"""The shape of a text changes the time and no answer: what is found with it is what all patterns find without it."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from steersman.engine.personal import Found, Kind, recognise, recognising, shapes
from steersman.engine.personal.patterns import PATTERNS

#: What the kinds look like, whole and torn, and what may stand before, within and behind.
_NUMBERS = """
    11010519491231002X 110105491231002 13812345678 138-1234-5678 +86 0086 86 138 91350100M000100Y43 4111111111111111 4111 1111
    378282246310005 3782 822463 10005 DE89 3704 0044 0532 0130 00 GB82WEST12345698765432 123-45-6789 AB 12 34 56 C AB123456C
    +44 20 7946 0958 010-12345678 E12345678 1990-02-28 1990年2月3日 8.8.8.8 10.1.2.3 2606:4700:4700::1111 00:1b:44:11:3a:b7
    1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa 0x52908400098527886E0F7030069857D2E4169EE7 L898902C36UTO7408122F1204159ZE184226B<<<<<10
    DE136695976 ATU13585627 FR83404833048 eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJpbmVzIn0.c2ln AKIAABCDEFGHIJKLMNOP xoxb-1234567890
    ghp_a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2a1B2 sk-ant-aaaaaaaaaaaaaaaaaaaa glpat-aaaaaaaaaaaaaaaaaaaa stmk_aaaaaaaaaaaaaaaaaaaaa
    京A12345 粤BD12345 ines@example.org postgresql://ann:s3cret@db/x
"""
_WORDS = """
    tel fax phone passport VAT born dob 电话 护照 出生日期 手机 密码是 密码: Bearer basic password= passwd: pwd= PASSWORD= version v id
    wallet bytes= -----BEGIN PRIVATE KEY----- _ - . x A Z 1 0 ： ， = < ( ２ ſ ٣ K ſ \ud800
"""
TEXTS = st.lists(
    st.tuples(
        st.sampled_from(_NUMBERS.split() + _WORDS.split()),
        st.sampled_from(["", "", " ", "-", ".", ":", "\n", "\xa0", "\x1c"]),
    ),
    max_size=7,
).map(lambda parts: "".join(part + gap for part, gap in parts))


def _without_shapes(text: str) -> list[Found]:
    narrow = text.translate(recognising._NARROW)
    return recognising._apart([one for pattern in PATTERNS for one in recognising._matches(pattern, narrow, 0.1)])


@given(st.one_of(TEXTS, st.text(max_size=120)))
@settings(max_examples=400, deadline=None)
@example("born 1990年2月3日")
@example("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
@example("-110105491231002")
@example("(.110105491231002")
@example("AB 12 34 56 C")
@example("PASSWORD=HUNTER22")
@example("BASIC\xa0ABCDEF12")
@example("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1")
def test_what_is_found_is_what_all_patterns_find(text: str) -> None:
    assert recognise(text, least=0.1) == _without_shapes(text)


@given(TEXTS, st.sets(st.sampled_from([*Kind]), max_size=6))
@settings(max_examples=100, deadline=None)
def test_asking_for_some_kinds_finds_those_as_if_all_others_were_unknown(text: str, kinds: set[Kind]) -> None:
    narrow = text.translate(recognising._NARROW)
    chosen = [
        one for pattern in PATTERNS if pattern.kind in kinds for one in recognising._matches(pattern, narrow, 0.5)
    ]
    assert recognise(text, kinds) == recognising._apart(chosen)


def test_lines_that_one_statement_wrote_have_one_shape() -> None:
    seen = shapes.allowing([one.shape for one in PATTERNS])
    assert seen(b"user ann logged in from 10.0.0.1") == seen(b"user bob logged in from 10.9.8.7")
    assert seen(b"job 17 ended after 250 ms") == ()
