"""On series that others recorded and labelled, anomalies are flagged more often than the rest, and the rest is left alone.

No series is tuned to and nothing is adjusted to whole windows: the shares are of single samples. What detection is worth
there is measured elsewhere; here it must not be worse than chance or cry wolf.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from steersman.model.findings import Finding

DATA = Path(__file__).parents[4] / "shared" / "data" / "anomaly"

pytestmark = pytest.mark.needs("shared-data")


def flagged(mesh: Any, times: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Say of every sample whether a finding was open about it."""
    open_now, marks = set[str](), []
    for at, value in zip(times.tolist(), values.tolist(), strict=True):
        mesh.now = at
        mesh.value("measured", value, service="public", instance="one")
        for finding in mesh.step(0):
            _apply(open_now, finding)
        marks.append(bool(open_now))
    return np.array(marks)


def _apply(open_now: set[str], finding: Finding) -> None:
    (open_now.add if finding.active else open_now.discard)(finding.key)


def test_the_labelled_windows_of_nab_are_flagged_more_often_than_the_rest(mesh_type: Any) -> None:
    table = pq.read_table(DATA / "nab.parquet").to_pydict()
    names = np.array(table["series"])
    times = np.array(table["timestamp"], "datetime64[ms]").astype(np.int64)
    values, windows = np.array(table["value"]), np.array(table["in_window"])
    marks = np.zeros(len(names), bool)
    real = [name for name in sorted(set(names)) if name.startswith(("realAWSCloudwatch", "realKnownCause"))]
    for name in real:
        rows = names == name
        marks[rows] = flagged(mesh_type(), times[rows], values[rows])
    chosen = np.isin(names, real)
    inside, outside = marks[chosen & windows].mean(), marks[chosen & ~windows].mean()
    assert outside < 0.01
    assert inside > 2 * outside
