"""A person is found in free text by what names them, and by nothing that only looks alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.contract.identifiers import ERASED, Identifiers

ANN = Identifiers(("019a-4c1f", "anna@example.com"), ("anna",))


@pytest.mark.parametrize(
    "text",
    [
        "login of anna",
        "login of Anna.",
        "mail to ANNA@example.com, twice",
        "GET /reset?mail=anna%40example.com",
        '{"user":"anna"}',
        "用户anna登录成功",
        "account=019a-4c1f",
    ],
)
def test_a_person_is_found_wherever_they_stand_for_themselves(text: str) -> None:
    assert ANN.stand_in(text)
    assert "anna" not in ANN.removed_from(text).lower()


@pytest.mark.parametrize(
    "text", ["joanna", "anna.smith@example.org", "hannah", "anna-marie", "x+anna@example.org", "banana", "019a-4c1f0"]
)
def test_nobody_else_is_taken_for_them(text: str) -> None:
    assert not ANN.stand_in(text)


def test_a_name_in_chinese_needs_no_gap_around_it() -> None:
    assert Identifiers((), ("张三丰",)).removed_from("用户张三丰登录") == f"用户{ERASED}登录"


def test_keys_of_a_structure_are_changed_for_an_address_only() -> None:
    told = {"anna": "is anna", "anna@example.com": [{"by": "anna"}, 3, None]}
    assert ANN.removed_from(told) == {"anna": f"is {ERASED}", ERASED: [{"by": ERASED}, 3, None]}


def test_what_is_too_short_is_not_looked_for() -> None:
    assert not Identifiers(("",), ("al",)).stand_in("al is in half of all texts")


@given(st.text(), st.text())
def test_taking_somebody_out_twice_changes_nothing_more(before: str, after: str) -> None:
    once = ANN.removed_from(f"{before} anna {after}")
    assert ANN.removed_from(once) == once
    assert not ANN.stand_in(once)
