from __future__ import annotations

import json
from pathlib import Path

import pytest

from steersman.engine.threats import Kind
from steersman.model.errors import InvalidInput
from steersman.services.security.commands import bench, corpora

SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"


def test_recall_is_told_by_kind() -> None:
    request = b"GET /?id=1%20or%201=1 HTTP/1.1\r\n\r\n"
    cases = [corpora.Case(str(number), Kind.SQL, request) for number in range(4)]
    cases.append(corpora.Case("4", Kind.SQL, b"GET / HTTP/1.1\r\n\r\n"))
    assert bench.recall(cases) == {
        "sql_injection": {
            "cases": 5,
            "as_that_kind": 80.0,
            "as_any_kind": 80.0,
        }
    }


def test_false_alarms_stand_beside_those_of_a_list_of_words() -> None:
    found = bench.false_alarms({"prose": ["select one or two", "hello"]})
    assert found == {"prose": {"texts": 2, "percent": 0.0, "word_list_percent": 50.0}}


def test_a_sample_is_the_same_on_every_run() -> None:
    values = [str(number) for number in range(100)]
    assert corpora.sampled(values, 10) == corpora.sampled(reversed(values), 10)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"crs_tests\.parquet is not there"):
        corpora.crs_cases(tmp_path)


@pytest.mark.slow
@pytest.mark.needs("shared-data")
def test_no_goal_of_detection_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    """Times decide no test."""
    bench.threats(SHARED / "attacks", SHARED / "logs" / "loghub_2k.parquet", most=5_000, as_json=True)
    figures = json.loads(capsys.readouterr().out)
    assert figures["recall"]["sql_injection"]["as_that_kind"] >= 95
    missed = [goal for goal in figures["missed"] if not goal.startswith("milliseconds")]
    assert missed == []
    assert figures["recall"]["command_injection"]["as_that_kind"] >= 90
