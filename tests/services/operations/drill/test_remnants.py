from __future__ import annotations

import os
import subprocess
import sys

from steersman.services.operations.commands.drill.remnants import MARKER, marked, new_marker, sweep

#: Starts a child in a session of its own, says so, and dies: the child's parent is gone.
_ORPHANING = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("left alone", flush=True)
"""


def test_a_sweep_ends_orphans_that_carry_the_marker_and_nothing_else() -> None:
    marker, other = new_marker(), new_marker()
    stranger = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, MARKER: other}
    )
    try:
        subprocess.run(
            [sys.executable, "-c", _ORPHANING], env={**os.environ, MARKER: marker}, check=True, capture_output=False
        )
        assert len(list(marked(marker))) == 1
        assert sweep(marker) == 1
        assert list(marked(marker)) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_sweep_finds_nothing_where_nothing_is_left() -> None:
    assert sweep(new_marker()) == 0
