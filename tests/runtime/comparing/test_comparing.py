"""A password is compared beside the serving process, and whatever happens to that other process is told in words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from argon2 import PasswordHasher

from steersman.model.errors import Permanent, Temporary
from steersman.runtime.comparing import parent
from steersman.runtime.comparing.parent import Comparing

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
STORED = CHEAP.hash("a green kettle")


@pytest.fixture
def compare() -> Iterator[Comparing]:
    made = Comparing()
    yield made
    made.close()


def children(compare: Comparing) -> list[psutil.Process]:
    return [psutil.Process(one.pid) for one in compare._idle]


@pytest.mark.parametrize("text", ["a green kettle", "a green kettl", "", "\n", "安静的水壶", "x" * 4000])
def test_it_says_what_the_library_says(compare: Comparing, text: str) -> None:
    """Line ends, other scripts and long texts go through the pipe as they are."""
    assert compare.same(CHEAP.hash(text), text)
    assert compare.same(STORED, text) is (text == "a green kettle")


def test_a_damaged_hash_is_told_and_the_next_one_is_compared(compare: Comparing) -> None:
    with pytest.raises(Permanent, match="set that password anew"):
        compare.same("$argon2id$nonsense", "x")
    assert compare.same(STORED, "a green kettle")


def test_one_that_was_killed_is_replaced(compare: Comparing) -> None:
    assert compare.same(STORED, "a green kettle")
    (child,) = children(compare)
    child.kill()
    child.wait()
    assert compare.same(STORED, "a green kettle")


def test_many_at_once_get_each_their_own_answer(compare: Comparing) -> None:
    """And no more processes stay than there are lanes of sign-ins."""
    together = threading.Barrier(6)

    def ask(number: int) -> bool:
        together.wait()
        return compare.same(STORED, "a green kettle" if number % 2 else "another")

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(ask, range(6))) == [False, True] * 3
    assert len(children(compare)) <= 2


def test_one_that_cannot_be_started_is_a_matter_of_time(compare: Comparing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "_COMMAND", ("/nowhere/python",))
    with pytest.raises(Temporary, match="cannot be started"):
        compare.same(STORED, "a green kettle")


@pytest.mark.parametrize("ending", ["import sys", "import time; time.sleep(60)"])
def test_one_that_gives_no_answer_is_given_up(compare: Comparing, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr(parent, "_COMMAND", (sys.executable, "-c", ending))
    monkeypatch.setattr(parent, "_PATIENCE_SECONDS", 0.3)
    with pytest.raises(Temporary, match="without an answer"):
        compare.same(STORED, "a green kettle")


def test_it_weighs_less_and_inherits_no_secret(compare: Comparing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEERSMAN_BOOTSTRAP_TOKEN", "not for others")
    compare.same(STORED, "x")
    (child,) = children(compare)
    assert child.nice() == psutil.Process().nice() + 10
    assert "not for others" not in child.environ().values()


def test_it_ends_with_whoever_asked() -> None:
    """Also where that one was killed and could say nothing."""
    asks = f"from steersman.runtime.comparing.parent import Comparing; c = Comparing(); c.same({STORED!r}, 'x'); "
    tells = "import time; print(c._idle[0].pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", asks + tells], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    assert psutil.wait_procs([child], timeout=30)[1] == []
