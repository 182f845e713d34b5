"""What is hidden where is the owner's to say, and a structure stays a structure."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.contract.ports import Use
from steersman.engine.personal import Kind, recognise
from steersman.engine.personal.hiding import hiding
from steersman.runtime.masking import MaskSettings, PolicyMasking

MAIL, CARD = "leocadia@featherstone.example", "4111 1111 1111 1111"
SAID = f"client ip 81.2.69.142, {MAIL} paid with {CARD}"


def masking(**policies: Any) -> PolicyMasking:
    return PolicyMasking.by(MaskSettings.model_validate(policies), hiding)


def test_every_use_has_a_policy() -> None:
    assert {use: masking().text(use, "nothing here") for use in get_args(Use)}


@pytest.mark.requirement("ASVS-16.2.5")
def test_a_prompt_says_only_what_stood_there_and_operators_see_addresses() -> None:
    ports = masking()
    assert ports.text("prompts", SAID) == "client ip (ip_address), (email) paid with (payment_card)"
    assert ports.text("logs", SAID) == "client ip 81.2.69.142, l***@featherstone.example paid with **** **** **** 1111"
    assert "81.2.69.142" not in ports.text("exports", SAID)


def test_the_owner_chooses_kinds_and_how_much_of_them_stays() -> None:
    ports = masking(exports={"hide": ["payment_card"]}, logs={"spare": ["email"], "keep": "last4"})
    assert ports.text("exports", SAID) == SAID.replace(CARD, "**** **** **** 1111")
    assert ports.text("logs", SAID) == "client ip **.*.**.*42, " + f"{MAIL} paid with **** **** **** 1111"


def test_what_the_owner_leaves_out_of_a_policy_stays_as_it_was() -> None:
    ports = masking(prompts={"hide": ["email"]}, logs={"hide": ["email", "ip_address"]})
    assert ports.text("prompts", SAID) == SAID.replace(MAIL, "(email)")
    assert "81.2.69.142" in ports.text("logs", SAID)


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="emial"):
        masking(logs={"hide": ["emial"]})


def test_keys_numbers_and_the_form_of_a_structure_stay() -> None:
    told = {MAIL: [SAID, 4111111111111111, None, (MAIL,)]}
    hidden = masking().structure("exports", told)
    assert list(hidden) == [MAIL]
    assert hidden[MAIL][1:] == [4111111111111111, None, ["l***@featherstone.example"]]


@pytest.mark.parametrize("keep", ["form", "last4", "nothing"])
@given(text=st.text())
def test_masking_what_is_masked_changes_nothing(keep: Any, text: str) -> None:
    hide = hiding((), (), keep)
    once = hide(f"{text} {SAID} password=hunter2hunter2")
    assert hide(once) == once
    assert "hunter2" not in once
    assert not [one for one in recognise(once) if one.kind is Kind.CARD]
