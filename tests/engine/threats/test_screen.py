from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.engine.threats import Field, inspecting
from steersman.engine.threats.decoding import decode
from steersman.engine.threats.paths import KEYS
from steersman.engine.threats.screen import is_plain
from steersman.engine.threats.shell_words import NAMES, WORDS
from steersman.engine.threats.sql_words import PARTS

ORDINARY = ["web-1", "2026-11-26T00:00:00Z", "1767225600", "0.25", "user@example.org", "nearly full disk", "v1.2.3"]
VOCABULARY = sorted(
    {
        *PARTS,
        *NAMES,
        *WORDS,
        *KEYS,
        "javascript",
        "data",
        "script",
        "alert",
        "onload",
        "error",
        "log",
        "bak",
        "php",
        "get-process",
        "restart-service",
        "a",
        "b",
        "1",
        "2147483647",
    }
)
JOINTS = [" ", "-", ".", ":", "/", "_", ",", "@", ", ", ". ", ": ", " 1 ", "1", ""]


def test_the_usual_values_of_an_operations_platform_need_no_look() -> None:
    assert [value for value in ORDINARY if not is_plain(value)] == []


PLAIN = st.lists(st.tuples(st.sampled_from(VOCABULARY), st.sampled_from(JOINTS)), min_size=1, max_size=6)


@given(PLAIN.map(lambda parts: "".join(word + joint for word, joint in parts)), st.sampled_from([*Field]))
@settings(max_examples=200, deadline=None)
def test_what_the_screen_lets_pass_is_nothing_for_the_full_look_either(value: str, field: Field) -> None:
    if is_plain(value, is_target=field in inspecting._OF_FILES):
        assert not _looked(value, field).is_attack


@given(st.text(alphabet="aeornsxp019 .-/:_,@", max_size=24))
@settings(max_examples=200, deadline=None)
def test_letters_digits_and_plain_signs_hide_nothing_from_the_screen(value: str) -> None:
    if is_plain(value):
        assert not _looked(value, Field.QUERY).is_attack


def _looked(value: str, field: Field) -> Any:
    return inspecting._look(decode(value, plus_is_space=True), field)
