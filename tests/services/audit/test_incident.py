"""One incident is told again from the journal alone: signal, evidence, decision, action and verdict, by their causes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.contract.conftest import open_harness as open_harness  # noqa: PLC0414 - a fixture that is used here as well
from tests.contract.test_plug_in_is_repaired import POOL, coffee, eventually, incidents

from steersman.app import HOUSE_PROVIDES
from steersman.contract.ports import JournalEntry
from steersman.runtime.registry import Found, arrange, discover


def chain(entries: Sequence[JournalEntry], last: JournalEntry) -> list[JournalEntry]:
    """Return the entries that led to one, the first cause first."""
    by_id, found = {entry.id: entry for entry in entries}, [last]
    while (cause := found[0].cause) is not None:
        found.insert(0, by_id[cause])
    return found


@pytest.mark.full
@pytest.mark.requirement("SOC2-CC7.3", "SOC2-CC7.4")
def test_an_incident_is_reconstructed_from_the_journal_alone(open_harness: Any) -> None:
    plugin = coffee()
    installed = [Found(service, "steersman") for service in discover(house_provides=HOUSE_PROVIDES)]
    services = arrange([*installed, Found(plugin, "coffee 1.0")], house_provides=HOUSE_PROVIDES)
    with open_harness(services) as harness:
        harness.context(plugin).state.grounds = 40
        eventually(lambda: [one for one in incidents(harness) if one["state"] == "resolved"])
        entries = list(harness.journal())
    verdict = next(entry for entry in entries if entry.type == "ops.verdict")
    noticed, opened, decided, judged = chain(entries, verdict)
    assert [entry.type for entry in (noticed, opened, decided)] == ["ops.finding", "ops.incident", "ops.plan"]
    # Signal and evidence: which series, what it was and what it should have been.
    assert (noticed.payload["entity"], noticed.payload["value"], noticed.payload["expected"]) == (POOL.ref, 40, 10)
    assert opened.payload["hypotheses"][0]["cause"] == "backlog"
    # Decision: which action, by what right, for what reason, and the way back.
    assert (decided.payload["action"], decided.payload["state"]) == ("coffee.empty_tray", "approved")
    assert "believed" in decided.payload["reason"]
    assert decided.payload["undo"]
    # Action: intent and outcome are one pair, under the key of the plan, after the decision and before the verdict.
    (applied,) = [entry for entry in entries if entry.type == "action.applied"]
    (requested, _) = chain(entries, applied)
    assert str(decided.payload["plan"]) in str(requested.payload["key"])
    assert decided.seq < requested.seq < applied.seq < judged.seq
    assert applied.payload["result"] == {"grounds": 40}
    assert (judged.payload["plan"], judged.payload["kind"]) == (decided.payload["plan"], "cured")
    assert {entry.actor for entry in (noticed, opened, decided, judged)} == {"steersman"}
