"""The selection, from real processes: what CI holds the whole loop against."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SECONDS = 420


@pytest.mark.slow
@pytest.mark.alone
def test_the_selection_is_detected_and_repaired_without_harm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "steersman.cli", "drill", "--short", "--json", "--data", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    print(done.stderr)
    faults = [one for one in found["scenarios"] if not one["control"]]
    controls = [one for one in found["scenarios"] if one["control"]]
    assert len(faults) >= 4
    assert len(controls) >= 1
    assert [one["scenario"] for one in faults if one["detected"] is None or one["failure"]] == []
    assert {one["scenario"]: one["harm"] for one in found["scenarios"] if one["harm"]} == {}
    assert sum(one["cured"] for one in faults) >= len(faults) - 1
