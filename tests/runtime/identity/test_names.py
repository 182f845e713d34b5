"""Two names that look alike are one account, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.model.errors import InvalidInput
from steersman.runtime.identity.names import checked_name, folded


@pytest.mark.parametrize("spelling", ["admin", "ADMIN", "ａｄｍｉｎ", "Ａdmin", "ⓐdmin", "𝒂dmin"])
def test_spellings_that_a_person_takes_for_one_are_one(spelling: str) -> None:
    assert folded(spelling) == "admin"


@pytest.mark.parametrize("name", ["аdmin", "αdmin", "admіn", "adm٣n", "ad min", "admin\u200b", "admin\0", "", "a" * 65,
                                  "ad\u202emin", "../admin", "admin\ud800"])  # fmt: skip
def test_look_alikes_and_invisible_signs_are_not_given_out(name: str) -> None:
    with pytest.raises(InvalidInput):
        checked_name(name)


@pytest.mark.parametrize("name", ["ines", "王小明", "王wei", "анна", "o.neil+ops@example.com", "josé", "山田tarō"])
def test_people_of_any_script_have_names(name: str) -> None:
    assert checked_name(name)


@given(st.text(max_size=300))
def test_folding_again_changes_nothing(name: str) -> None:
    """Whatever is typed, there is one form, and it is its own."""
    form = folded(name)
    assert form is None or folded(form) == form
