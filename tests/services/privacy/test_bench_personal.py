from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from steersman.model.errors import InvalidInput
from steersman.services.privacy.commands import bench_personal


def test_right_numbers_are_found_and_wrong_ones_are_not() -> None:
    """The outside judge is `python-stdnum`; the peer finds the wrong ones as well."""
    found = bench_personal.recognition(40, Random(3))
    assert {one["recall_percent"] for one in found.values()} == {100.0}
    assert all(one["precision_percent"] == 100 for one in found.values())
    assert found["payment_card"]["peer_precision_percent"] < 60


def test_speed_stands_beside_a_plain_regex_and_the_lines_that_each_changes() -> None:
    speeds = bench_personal.speeds(
        ["job 17 ended", "mail from ann@example.org", "peer 10.0.0.1 is gone", "id 20261126010203"]
    )
    changed = {name: figures["lines_changed_percent"] for name, figures in speeds.items()}
    assert changed == {"platform_logs": 25.0, "every_kind": 25.0, "peer_regex": 75.0}


def test_goals_that_are_missed_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("job 17 ended\n" * 50)
    code = bench_personal.personal(lines, numbers=10, as_json=True)
    figures = json.loads(capsys.readouterr().out)
    assert code == bool(figures["missed"])
    slow = {name: figures | {"again": 1.0} for name, figures in figures["megabytes_a_second"].items()}
    assert "platform_logs is 1" in bench_personal.missed(figures | {"megabytes_a_second": slow})[0]


def test_a_missing_file_of_lines_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="none is not there"):
        bench_personal.personal(tmp_path / "none")
