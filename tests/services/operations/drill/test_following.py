"""The follower on a watcher that answers what a test wrote down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steersman.services.operations.commands.drill.following import Follower
from steersman.services.operations.commands.drill.observed import Ranked

SUMMARY = {
    "id": "i1",
    "state": "open",
    "severity": "critical",
    "title": "orders hangs",
    "opened_ms": 5,
    "updated_ms": 6,
    "mitigated_ms": None,
    "resolved_ms": None,
    "resolution": "",
    "entities": ["service:orders"],
    "cause": None,
    "finding_count": 1,
    "plan_count": 1,
}
BELIEF = {"cause": "hang", "entity": "process:orders/0", "score": 0.8, "evidence": []}
DETAIL = {"hypotheses": [BELIEF], "findings": [], "plans": [], "feedback": [], "notes": []}
PLAN = {
    "id": "p1",
    "incident": "i1",
    "state": "verifying",
    "action": "workloads.restart",
    "args": {},
    "target": "service:orders",
    "cause": "hang@service:orders",
    "risk": "disruptive",
    "reversible": False,
    "summary": "restart it",
    "undo": "",
    "autonomy": "act",
    "confidence": 0.8,
    "reason": "",
    "outcome": "",
    "decided_ms": 7,
    "applied_ms": 9,
    "ended_ms": None,
    "verdict": {"kind": "cured", "time_ms": 11, "reason": "", "harm": []},
}


class FakeWatcher:
    running = True

    def __init__(self) -> None:
        self.incident: dict[str, Any] = {}
        self.plan: dict[str, Any] = {}
        self.details = 0

    def get(self, path: str, **_: object) -> Any:
        if path == "/api/ops/incidents":
            return {"incidents": [self.incident] if self.incident else [], "next": None}
        if path == "/api/ops/plans":
            return {"plans": [self.plan] if self.plan else [], "next": None}
        self.details += 1
        return self.incident | DETAIL


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    return tmp_path / "evidence.jsonl"


def follower(watcher: FakeWatcher, evidence: Path) -> Follower:
    times = iter(range(10, 1_000, 10))
    return Follower(watcher, lambda: next(times), evidence)  # type: ignore[arg-type]


def test_an_incident_is_read_whole_when_it_changed_and_only_then(evidence: Path) -> None:
    watcher = FakeWatcher()
    following = follower(watcher, evidence)
    for state in ("open", "open", "mitigated"):
        watcher.incident = SUMMARY | {"state": state}
        following.look()
    assert [(one.seen_ms, one.state) for one in following.incidents] == [(10, "open"), (20, "mitigated")]
    assert following.latest()["i1"].state == "mitigated"
    assert watcher.details == len(evidence.read_text().splitlines()) == 2
    assert following.incidents[0].ranking == (Ranked("hang", "process:orders/0", 0.8),)


def test_a_plan_is_kept_as_it_was_seen_last(evidence: Path) -> None:
    watcher = FakeWatcher()
    following = follower(watcher, evidence)
    for watcher.plan in (PLAN | {"state": "applying", "verdict": None}, PLAN):
        following.look()
    (plan,) = following.plans
    assert (plan.state, plan.verdict, plan.meant_to_act, plan.performed) == ("verifying", "cured", True, True)


def test_the_death_of_the_watcher_is_noticed_and_ends_the_following(evidence: Path) -> None:
    watcher = FakeWatcher()
    watcher.incident, watcher.running = {"id": "cut off"}, False
    following = follower(watcher, evidence)
    following.run()
    assert following.problem == "the watcher died"
    assert following.died_ms is not None
    assert "failed" in json.loads(evidence.read_text().splitlines()[-1])
