"""The inbox tells once what came twice, and says when nothing should be changed on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from steersman.contract.ports import Observer
from steersman.services.operations.jobs.inbox import Inbox


def test_what_is_reported_twice_in_a_round_is_told_once(examples: Any) -> None:
    """The newest word about a thing counts."""
    inbox = Inbox()
    inbox.found(examples.finding())
    inbox.found(replace(examples.finding(), reason="it takes 3 s"))
    assert [finding.reason for finding in inbox.take().findings.values()] == ["it takes 3 s"]
    assert inbox.take().findings == {}


def test_unrest_is_an_open_incident_or_a_policy_that_holds_everything(examples: Any) -> None:
    """An experiment asks before it turns anything."""
    inbox = Inbox()
    assert isinstance(inbox, Observer)
    assert inbox.unrest() == ""
    inbox.show([examples.incident()])
    assert "is open: orders answers slowly" in inbox.unrest()
    inbox.show([], "the kill switch is on")
    assert inbox.unrest() == "the kill switch is on"
