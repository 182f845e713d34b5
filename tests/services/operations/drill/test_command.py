from __future__ import annotations

import pytest

from steersman.model.errors import InvalidInput
from steersman.services.operations.commands.drill.command import selected
from steersman.services.operations.commands.drill.scenario import Scenario


def scenario(name: str, *, selection: bool = False) -> Scenario:
    return Scenario(name=name, about="a control", selection=selection)


KNOWN = (scenario("calm"), scenario("peak", selection=True), scenario("surge"))


def test_all_scenarios_are_played_where_none_is_named() -> None:
    assert selected(KNOWN, only="", short=False) == list(KNOWN)


def test_the_short_selection_is_what_the_files_say() -> None:
    assert [one.name for one in selected(KNOWN, only="", short=True)] == ["peak"]


def test_named_scenarios_are_played_and_no_others() -> None:
    assert [one.name for one in selected(KNOWN, only=" surge, calm", short=True)] == ["calm", "surge"]


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput, match="no scenario storm; see calm, peak, surge"):
        selected(KNOWN, only="calm,storm", short=False)


def test_an_empty_selection_is_refused() -> None:
    with pytest.raises(InvalidInput, match="short selection"):
        selected(KNOWN[:1], only="", short=True)
