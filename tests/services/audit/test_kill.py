"""`kill -9` at any step of following and signing: nothing acknowledged is lost, and no size gets two roots."""

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
STEPS = 40


def lives(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, LIVES, folder, *arguments], capture_output=True, text=True, timeout=280, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.requirement("ASVS-2.3.3")
def test_a_kill_at_every_step_leaves_a_log_that_goes_on(tmp_path: Path) -> None:
    """Each commit, signature and write to the file, before, in the middle and after; then a life that is let live."""
    found = lives(tmp_path, "steps", str(STEPS))
    killed = [life["end"] == -signal.SIGKILL for life in found]
    assert killed == sorted(killed, reverse=True), "every step up to the last one was reached"
    assert killed.count(True) > 15
    assert not killed[-1], "raise STEPS: a life has more of them"
    for life in found:
        assert life["wrong"] == [], life


@pytest.mark.slow
def test_kills_in_the_middle_of_many_appenders_lose_nothing(tmp_path: Path) -> None:
    """Twenty lives on one data directory, each killed after some acknowledgements; the last one verifies."""
    (story,) = lives(tmp_path, "crowd", "20")
    assert story["wrong"] == []
    assert story["acknowledged"] > 100
    assert story["checkpoints"] > 10
