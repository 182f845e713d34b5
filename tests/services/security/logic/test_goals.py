from __future__ import annotations

from steersman.services.security.logic.goals import missed

FIGURES = {
    "recall": {
        "sql_injection": {"as_that_kind": 90.0},
        "xss": {"as_that_kind": 98.0},
        "command_injection": {"as_that_kind": 80.0},
        "path_traversal": {"as_that_kind": 80.0},
    },
    "false_alarms": {"prose": {"percent": 0.5}, "code": {"percent": 2.0}, "logs": {"percent": 0.2}},
    "milliseconds": {"p99_at_4_kib": 2.0, "hostile_megabyte_max": 100.0},
}


def test_figures_at_the_goals_miss_none() -> None:
    assert missed(FIGURES) == []


def test_a_missed_goal_is_said_with_its_figure() -> None:
    figures = FIGURES | {"recall": {**FIGURES["recall"], "sql_injection": {"as_that_kind": 89.9}}}
    assert missed(figures) == ["recall.sql_injection.as_that_kind is 89.9, the goal is at least 90"]
