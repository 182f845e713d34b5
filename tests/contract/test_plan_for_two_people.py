"""A remedy that two people have to want, from the fault to the cure: proposed by the loop, agreed to by people, done once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.contract.people import People
from tests.contract.test_plug_in_is_repaired import EMPTY, coffee, eventually

from steersman.app import HOUSE_PROVIDES
from steersman.runtime.registry import Found, arrange, discover

READING = frozenset({"operations.incidents.read"})


@pytest.mark.slow
def test_the_loop_asks_two_people_and_goes_on_when_both_agreed(open_harness: Any) -> None:
    """Its owner lets it heal itself, and the loop asks all the same; who said yes and who is missing is shown."""
    plugin = replace(coffee(), actions=(replace(EMPTY, four_eyes=True),))
    installed = [Found(service, "steersman") for service in discover(house_provides=HOUSE_PROVIDES)]
    services = arrange([*installed, Found(plugin, "coffee 1.0")], house_provides=HOUSE_PROVIDES)
    with open_harness(services) as harness:
        people = People(harness)
        ines, otto = people.person("ines"), people.person("otto")
        harness.context(plugin).state.grounds = 40
        waiting = "/api/ops/plans?state=awaiting_approval"
        (plan,) = eventually(lambda: people.call(ines, "GET", waiting).body["plans"])
        assert plan["consent"] == {"given": [], "missing": 2}
        path = f"/api/ops/plans/{plan['id']}"
        assert people.call(ines, "POST", f"{path}/approve").body["details"] == {"missing": 1}
        assert people.call(ines, "POST", f"{path}/approve").body["details"] == {"missing": 1}
        assert people.call(otto, "GET", path).body["consent"] == {"given": ["ines"], "missing": 1}
        page = people.call(otto, "GET", "/ops").body
        assert "approved by ines" in page
        (one,) = people.call(otto, "GET", "/api/ops/approvals").body["approvals"]
        assert harness.context(plugin).state.grounds == 40
        assert people.call(otto, "POST", f"/api/ops/approvals/{one['id']}/confirm").status == 200
        done = eventually(lambda: _begun(people.call(otto, "GET", path).body))
        assert harness.context(plugin).state.grounds == 0
        assert done["consent"] == {"given": ["ines", "otto"], "missing": 0}
        (requested,) = (entry for entry in harness.journal() if entry.type == "action.requested")
        assert requested.payload["agreed"] == [people.accounts["ines"], people.accounts["otto"]]
        timeline = harness.call("GET", f"/api/ops/incidents/{plan['incident']}/timeline", READING).body["entries"]
        said = [one["payload"]["missing"] for one in timeline if "missing" in one["payload"]]
        assert said == [1, 0]


def _begun(plan: dict[str, Any]) -> dict[str, Any] | None:
    return plan if plan["state"] in {"verifying", "cured"} else None
