"""kill -9 under load: the short form of `steersman prove kill`, which runs 200 times by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from steersman.services.telemetry.commands.prove import kill


@pytest.mark.slow
def test_no_acknowledged_record_is_lost_or_doubled_by_kills_under_load(tmp_path: Path):
    tally = kill.prove(6, seed=4, folder=tmp_path)
    assert tally.examples == []
    assert tally.wrong == 0
    assert sum(tally.kills.values()) == 6
    assert all(records > 1_000 for records in tally.acknowledged.values())
    assert tally.records_read > sum(tally.acknowledged.values()) * 0.99


@pytest.mark.slow
def test_a_store_that_lost_a_block_is_found_out(tmp_path: Path):
    """The proof itself can fail: what a kill must not do is done to the folder by hand."""
    run = kill.KillRun(tmp_path, kill.Random(1), kill.SystemClock().wall_ns() // 1_000_000 - 3_600_000)
    run.life()
    run.life()
    shutil.rmtree(tmp_path / "data" / "telemetry")
    run.finish()
    assert run.tally.wrong > 0


@pytest.mark.full
def test_two_hundred_kills_lose_and_double_nothing(tmp_path: Path):
    tally = kill.prove(200, seed=1, folder=tmp_path)
    assert tally.wrong == 0, tally.examples
