"""What the process asks of its surroundings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = """
from steersman.runtime.process import use_system_memory
use_system_memory()
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


@pytest.mark.parametrize(("chosen", "used"), [(None, "system"), ("mimalloc", "mimalloc")])
def test_arrow_takes_memory_from_the_c_library_unless_told_otherwise(chosen: str | None, used: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    if chosen:
        environment["ARROW_DEFAULT_MEMORY_POOL"] = chosen
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == used


_FREED = """
from pathlib import Path
from steersman.runtime.process import give_memory_back
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
taken = [bytes(1000) for _ in range(100_000)]
last = bytes(1000)
del taken
before = resident()
give_memory_back()
print(before - resident() > 50_000_000)
"""


def test_freed_memory_is_given_back_though_something_behind_it_is_still_used() -> None:
    ran = subprocess.run([sys.executable, "-c", _FREED], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True"


_WEIGHED = """
from pathlib import Path
from steersman.runtime.process import weigh_session
took = weigh_session(3)
print(took, Path("/proc/self/autogroup").read_text().split()[-1] if took else "")
"""


def test_only_the_leader_of_a_session_gives_it_another_weight() -> None:
    """Lowering the weight needs no privilege, so that this runs everywhere; a child that leads nothing changes nothing."""
    command = [sys.executable, "-c", _WEIGHED]
    leading = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True)
    led = subprocess.run(command, capture_output=True, text=True, check=True)
    assert leading.stdout.split() in (["True", "3"], ["False"])  # not every kernel shares by sessions
    assert led.stdout.split() == ["False"]
