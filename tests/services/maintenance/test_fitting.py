"""Weights from failure records: known ones are found again, nothing leaks, and a public data set is told well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steersman.model.errors import InvalidInput
from steersman.services.maintenance.logic.fitting import auc, back_test, fit, leaks
from steersman.services.maintenance.store.records import read_records

SHARED = Path(__file__).parents[4] / "shared" / "data" / "maintenance"


def made(rows: int = 8_000) -> tuple[np.ndarray, np.ndarray]:
    """Failures by known log-odds: -3 + 2 a - 1 b."""
    chance = np.random.default_rng(4)
    columns = chance.standard_normal((rows, 2))
    logits = -3 + columns @ [2.0, -1.0]
    return columns, chance.random(rows) < 1 / (1 + np.exp(-logits))


def test_known_weights_are_found_again() -> None:
    columns, failed = made()
    found = fit(["a", "b"], columns, failed)
    np.testing.assert_allclose(found.weights, [2.0, -1.0], atol=0.15)
    assert found.probability(columns).mean() == pytest.approx(failed.mean(), rel=0.01)


def test_probabilities_of_unseen_rows_are_calibrated() -> None:
    columns, failed = made()
    _, judged = back_test(["a", "b"], columns, failed)
    assert judged.auc > 0.85
    assert judged.calibration < 0.02


def test_what_was_written_down_after_the_failure_is_left_out() -> None:
    """A column that is set by the failure itself is named, and does not help."""
    columns, failed = made()
    with_leak = np.column_stack([columns, failed & (np.arange(failed.size) % 2 == 0)])
    assert leaks(["a", "b", "repaired"], with_leak, failed) == ("repaired",)
    assert back_test(["a", "b", "repaired"], with_leak, failed)[1].left_out == ("repaired",)


def test_whole_groups_are_held_out() -> None:
    """A machine that is known by its own constant does not help to tell its failures when it is not in the fit."""
    chance = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 100)
    column = chance.standard_normal(40)[groups][:, None]
    failed = chance.random(4000) < (chance.random(40)[groups] * 0.2)
    assert abs(back_test(["machine"], column, failed, groups)[1].auc - 0.5) < 0.15


def test_the_area_counts_ties_half() -> None:
    assert auc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True])) == 0.875


def test_too_few_failures_are_refused() -> None:
    with pytest.raises(ValueError, match="10 failures"):
        fit(["a"], np.ones((50, 1)), np.arange(50) < 3)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a,b\n1,2\n", "no column 'failed'"),
        ("a,failed\n1,0\n2\n", ":3: 1 fields instead of 2"),
        ("a,failed\n1,0\nx,1\n", ":3: a is 'x'"),
        ("a,failed\n1,0\nnan,1\n", "no finite number"),
        ("a,failed\n1,0\n2,7\n", "is 0 or 1"),
        ("a,failed\nx,0\n", "no column holds numbers"),
    ],
)
def test_a_wrong_record_is_refused_with_its_place(tmp_path: Path, text: str, wrong: str) -> None:
    file = tmp_path / "records.csv"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=wrong):
        read_records(file, "failed")


@pytest.mark.needs("shared-data")
def test_failures_of_a_public_data_set_are_told() -> None:
    """AI4I 2020, without its columns that name the failure: better than chance by far, and calibrated."""
    names, columns, failed = read_records(SHARED / "ai4i2020.csv.gz", "Machine failure", ["UDI"])
    _, judged = back_test(names, columns, failed)
    assert judged.left_out == ("TWF", "HDF", "PWF", "OSF")
    assert judged.auc > 0.8
    assert judged.calibration < 0.01
