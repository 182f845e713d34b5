"""The M4 competition is the oracle: our seasonal-naive method and measures give its published figures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from steersman.engine.forecast.measures import mase, smape
from steersman.engine.forecast.naive import Method, predict

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "forecast"


def hourly() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (train, test) of each series of the competition's hourly part."""
    table = pq.read_table(FOLDER / "m4_hourly.parquet")
    names = np.asarray(table["series"].to_pylist())
    is_train = np.asarray(table["split"].to_pylist()) == "train"
    values = table["value"].to_numpy().astype(np.float64)
    _, begins, number = np.unique(names, return_index=True, return_inverse=True)
    return [(values[(number == i) & is_train], values[(number == i) & ~is_train]) for i in range(begins.size)]


@pytest.mark.needs("shared-data")
def test_the_seasonal_naive_method_has_its_published_error() -> None:
    """MASE and sMAPE of hourly series; the data set here holds 212 of the 414, so the means agree but for sampling."""
    rows = csv.DictReader((FOLDER / "published_point_scores.csv").read_text().splitlines())
    published = next(row for row in rows if row["user_id"] == "sNaive")
    pairs = hourly()
    forecasts = [predict(train, Method(24), test.size) for train, test in pairs]
    scaled = [mase(test, made, train, 24) for (train, test), made in zip(pairs, forecasts, strict=True)]
    percent = [smape(test, made) for (_, test), made in zip(pairs, forecasts, strict=True)]
    assert {test.size for _, test in pairs} == {48}
    assert np.mean(scaled) == pytest.approx(float(published["MASE_Hourly"]), rel=0.01)
    assert np.mean(percent) == pytest.approx(float(published["sMAPE_Hourly"]), rel=0.05)
