from __future__ import annotations

import subprocess
import sys

import pytest

from steersman.services.operations.commands.drill.remnants import marked, marking, sweep

_SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
#: Starts a child in a session of its own and dies: the child's parent is gone.
_ORPHANING = f"import subprocess; subprocess.Popen({_SLEEPER!r}, start_new_session=True)"


def test_a_sweep_ends_orphans_that_carry_the_marker_and_nothing_else() -> None:
    stranger = subprocess.Popen(_SLEEPER)
    try:
        with marking() as marker:
            subprocess.run([sys.executable, "-c", _ORPHANING], check=True)
            assert len(list(marked(marker))) == 1
            assert sweep(marker) == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def _interrupted(children: list[subprocess.Popen[bytes]]) -> None:
    with marking():
        children.append(subprocess.Popen(_SLEEPER))
        raise KeyboardInterrupt


def test_nothing_is_left_when_a_drill_is_interrupted() -> None:
    children: list[subprocess.Popen[bytes]] = []
    with pytest.raises(KeyboardInterrupt):
        _interrupted(children)
    assert children[0].poll() is not None
