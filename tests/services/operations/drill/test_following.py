"""The follower on a watcher that answers what a test wrote down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steersman.services.operations.commands.drill import reading
from steersman.services.operations.commands.drill.following import Follower
from steersman.services.operations.commands.drill.observed import Ranked

INCIDENT = {
    "id": "i1",
    "opened_ms": 5,
    "updated_ms": 6,
    "severity": "critical",
    "state": "open",
    "title": "orders hangs",
    "entities": ["service:orders"],
    "hypotheses": [{"cause": "hang", "entity": {"kind": "process", "id": "orders/0", "labels": []}, "score": 0.8}],
}
PLAN = {
    "id": "p1",
    "incident": "i1",
    "remedy": {"action": "workloads.restart", "target": {"kind": "service", "id": "orders"}, "summary": "restart it"},
    "autonomy": 3,
    "state": "verifying",
    "decided_ms": 7,
    "applied_ms": 9,
    "outcome": "",
    "verdict": {"kind": "cured", "harm": []},
}


class FakeWatcher:
    running = True

    def __init__(self) -> None:
        self.incidents: list[dict[str, Any]] = []
        self.plans: list[dict[str, Any]] = []

    def get(self, path: str, **_: object) -> Any:
        return {"items": self.incidents if path.endswith("incidents") else self.plans}


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return tmp_path / "evidence.jsonl"


def follower(watcher: FakeWatcher, evidence: Path, times: list[int]) -> Follower:
    return Follower(watcher, lambda: times.pop(0), evidence)  # type: ignore[arg-type]


def test_an_incident_is_seen_again_only_when_it_changed(evidence: Path) -> None:
    watcher = FakeWatcher()
    watcher.incidents = [INCIDENT]
    following = follower(watcher, evidence, [10, 20, 30])
    following.look()
    watcher.incidents = [INCIDENT | {"updated_ms": 99}]
    following.look()
    watcher.incidents = [INCIDENT | {"state": "mitigated"}]
    following.look()
    assert [(one.seen_ms, one.state) for one in following.incidents] == [(10, "open"), (30, "mitigated")]
    assert following.latest()["i1"].state == "mitigated"
    assert len(evidence.read_text().splitlines()) == 2


def test_a_plan_is_kept_as_it_was_seen_last(evidence: Path) -> None:
    watcher = FakeWatcher()
    following = follower(watcher, evidence, [10, 20])
    watcher.plans = [PLAN | {"state": "applying", "verdict": None}]
    following.look()
    watcher.plans = [PLAN]
    following.look()
    (plan,) = following.plans
    assert (plan.state, plan.verdict, plan.target, plan.meant_to_act, plan.performed) == (
        "verifying",
        "cured",
        "service:orders",
        True,
        True,
    )


def test_a_hypothesis_is_read_with_the_reference_of_its_entity() -> None:
    assert reading.incident(INCIDENT, 1).ranking == (Ranked("hang", "process:orders/0", 0.8),)


def test_the_death_of_the_watcher_is_noticed_and_ends_the_following(evidence: Path) -> None:
    watcher = FakeWatcher()
    watcher.incidents, watcher.running = [{"id": "cut off", "opened_ms": 1}], False
    following = follower(watcher, evidence, [10, 20, 30, 40])
    following.run()
    assert following.problem == "the watcher died"
    assert following.died_ms is not None
    assert "failed" in json.loads(evidence.read_text().splitlines()[-1])


def test_what_is_no_listing_is_refused() -> None:
    with pytest.raises(TypeError, match="no listing"):
        reading.items({"detail": "not found"})
