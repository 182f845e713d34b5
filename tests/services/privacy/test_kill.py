"""`kill -9` before or after any commit of an erasure: the next life finishes it, once, and nothing is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LIVES = Path(__file__).with_name("lives.py")
#: More commits, each counted before and after, than an erasure has.
STEPS = 72


def lives(folder: Path, *steps: int) -> list[dict[str, Any]]:
    command = [sys.executable, str(LIVES), str(folder), *map(str, steps)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def check(life: dict[str, Any]) -> None:
    """Done once, told once, and no kind left out or done under another name."""
    assert life["ends"][-1] == 0
    assert (life["done"], life["sealed"], life["lines"]) == (True, False, 1), life
    assert len(life["steps"]) == len(set(life["steps"])) == 9, life
    assert life["said"] == [["00000000-0000-7000-8000-0000000000aa", "mine"], ["somebody", "(erased) did it"]]
    assert life["output"] == "told (erased)"
    assert life["search"].startswith("neither name nor address"), life


@pytest.mark.requirement("GDPR-17")
def test_an_erasure_that_was_killed_in_the_middle_is_finished_once(tmp_path: Path) -> None:
    """Before a commit, and after it."""
    for life in lives(tmp_path, 7, 8):
        assert life["ends"][0] == -signal.SIGKILL
        check(life)


@pytest.mark.slow
@pytest.mark.requirement("GDPR-17")
def test_a_kill_at_many_commits_loses_no_step_and_doubles_none(tmp_path: Path) -> None:
    for life in lives(tmp_path, *range(1, 49, 4)):
        assert life["ends"][0] == -signal.SIGKILL
        check(life)


@pytest.mark.full
@pytest.mark.requirement("GDPR-17")
def test_a_kill_at_every_commit_loses_no_step_and_doubles_none(tmp_path: Path) -> None:
    found = lives(tmp_path, *range(1, STEPS + 1))
    for life in found:
        check(life)
    killed = [life["ends"][0] == -signal.SIGKILL for life in found]
    assert killed == sorted(killed, reverse=True), "every step up to the last one was reached"
    assert not killed[-1], "raise STEPS: an erasure has more of them"
