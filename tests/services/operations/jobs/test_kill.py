"""`kill -9` at any step of carrying a plan out and taking it back: it is finished, once, by whoever comes next."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIVES = Path(__file__).with_name("lives.py")
#: More steps than a life has: a number beyond its last step kills nobody.
STEPS = 36
STEPS_OF_TWO = 48


def lives(folder: Path, *killed_at: str) -> list[dict[str, Any]]:
    command = [sys.executable, LIVES, folder, *killed_at]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return [json.loads(line) for line in ran.stdout.splitlines()]


def check(life: dict[str, Any]) -> None:
    """One effect, one undo, one record of each, and the plan is where it belongs."""
    assert life["ends"][-1] == 0, life
    assert life["target"] == ["done", "not done"], life
    assert life["state"] == "undone", life
    assert life["actions"] == ["action.requested", "action.applied", "action.undone"], life


def test_a_kill_where_it_hurts_most_neither_doubles_nor_loses(tmp_path: Path) -> None:
    """Between the intent and the effect, between an effect and its record, and between an undo and its record."""
    for life in lives(tmp_path, "before the effect: done", "after the effect: done", "after the effect: not done"):
        assert life["ends"][0] == -signal.SIGKILL
        check(life)


@pytest.mark.slow
def test_a_kill_at_every_step_neither_doubles_nor_loses(tmp_path: Path) -> None:
    """Every commit, journal entry, start of work, message to the loop, effect and undo, each before and after."""
    found = lives(tmp_path, *map(str, range(1, STEPS + 1)))
    for life in found:
        check(life)
    killed = [life["ends"][0] == -signal.SIGKILL for life in found]
    assert killed == sorted(killed, reverse=True), "every step up to the last one was reached"
    assert killed.count(True) > 24
    assert not killed[-1], "raise STEPS: a life has more of them"


def agreed(life: dict[str, Any]) -> None:
    """Two people said yes, each once, however often they had to."""
    check(life)
    assert life["approvals"] == ["approval.asked", "approval.agreed"], life


def test_a_kill_between_two_approvals_or_before_the_start_loses_neither(tmp_path: Path) -> None:
    """After the first yes, amid the second, between the second and the start of the work, and before the intent."""
    places = ("before approval.agreed", "before the start of operations.plan", "before action.requested")
    for life in lives(tmp_path, *(f"two:{place}" for place in places)):
        assert life["ends"][0] == -signal.SIGKILL, life
        agreed(life)


@pytest.mark.parametrize(
    "stride", [pytest.param(6, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.full)], ids=["some", "all"]
)
def test_a_kill_at_any_step_of_a_plan_for_two_people_neither_doubles_nor_loses(tmp_path: Path, stride: int) -> None:
    found = lives(tmp_path, *(f"two:{step}" for step in range(1, STEPS_OF_TWO + 1, stride)))
    for life in found:
        agreed(life)
    killed = [life["ends"][0] == -signal.SIGKILL for life in found]
    assert killed == sorted(killed, reverse=True), "every step up to the last one was reached"
    assert killed.count(True) > 30 // stride
    assert not killed[-1], "raise STEPS_OF_TWO: a life has more of them"


@pytest.mark.full
def test_two_kills_in_a_row_neither_double_nor_lose(tmp_path: Path) -> None:
    """The recovery is killed as well, at any of its steps."""
    pairs = [f"{first},{second}" for first in range(1, STEPS, 3) for second in range(1, STEPS // 2, 3)]
    for life in lives(tmp_path, *pairs):
        check(life)
