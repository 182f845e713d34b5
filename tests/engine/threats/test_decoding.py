from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.threats.decoding import decode


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="%&\\+-", min_codepoint=32, max_codepoint=126)))
def test_percent_encoding_is_what_the_standard_library_writes(text: str) -> None:
    assert decode(urllib.parse.quote(text)).text == text
    assert decode(urllib.parse.quote_plus(text), plus_is_space=True).text == text
    assert decode(urllib.parse.quote(urllib.parse.quote(text, safe=""), safe="")).text == text


@pytest.mark.parametrize(
    ("encoded", "text", "layer"),
    [
        ("%253Cb%253E", "<b>", "percent"),
        ("%u003cb%u003e", "<b>", "percent"),
        ("&lt;b&#62;", "<b>", "HTML entities"),
        ("&#x3c;b>", "<b>", "HTML entities"),
        ("\\x3cb\\u003e", "<b>", "escapes"),
        ("\\u{3c}b\\076", "<b>", "escapes"),
        ("+ADw-b+AD4-", "<b>", "UTF-7"),
        ("%c0%bcb%c0%be", "<b>", "percent"),
        ("%e0%80%bcb>", "<b>", "percent"),
        ("\\xbcbold\\xbe", "<bold>", "seven bits"),
    ],
)
def test_a_layer_is_taken_off_and_named(encoded: str, text: str, layer: str) -> None:
    decoded = decode(encoded)
    assert decoded.text == text
    assert layer in decoded.layers


def test_what_looks_like_ascii_is_folded_to_it() -> None:
    assert decode("＇ ｏｒ 1＝1").text == "' or 1=1"
    assert decode("’x’").text == "'x'"
    assert decode("a\x00b\x0bc").text == "ab c"


def test_nesting_buys_no_more_rounds() -> None:
    text = "'"
    for _ in range(50):
        text = urllib.parse.quote(text)
    assert decode(text).text != "'"


def test_bytes_that_are_no_utf_8_are_read_all_the_same() -> None:
    assert decode(b"\xff'\xfe or 1=1").text.endswith("' þ or 1=1".replace(" þ", "þ"))
