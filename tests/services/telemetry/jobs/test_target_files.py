"""Target files that change, break and vanish."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from steersman.services.telemetry.jobs.sources import Intake, Sources
from steersman.services.telemetry.jobs.target_files import TargetFiles


class StillClock:
    def wall_ns(self) -> int:
        return 5_000_000_000

    def monotonic(self) -> float:
        return 5.0

    async def sleep(self, _seconds: float) -> None: ...


async def nowhere(*_: Any) -> None: ...


@pytest.fixture
def intake() -> Intake:
    return Intake(write=nowhere, clock=StillClock(), sources=Sources(counts=Counter()))


def write(path: Path, text: str, *, version: int) -> None:
    path.write_text(text)
    os.utime(path, ns=(version, version))


def addresses(files: TargetFiles) -> list[str]:
    return [target for group in files.groups() for target in group.targets]


def test_files_that_match_are_read_again_when_they_change(tmp_path: Path, intake: Intake) -> None:
    """JSON and YAML alike; others are left alone."""
    files = TargetFiles([f"{tmp_path}/*.json", f"{tmp_path}/b.yml"], intake)
    assert addresses(files) == []
    write(tmp_path / "a.json", '[{"targets":["a:1"]}]', version=1)
    write(tmp_path / "b.yml", "- targets: ['b:1']", version=1)
    write(tmp_path / "c.txt", "no", version=1)
    assert addresses(files) == ["a:1", "b:1"]
    write(tmp_path / "a.json", '[{"targets":["a:2"]}]', version=2)
    assert addresses(files) == ["a:2", "b:1"]
    assert [(row.kind, row.samples, row.last_ms) for row in intake.sources.rows()] == [("targets", 1, 5000)] * 2


def test_broken_file_keeps_the_last_good_list_and_is_reported(tmp_path: Path, intake: Intake) -> None:
    """An editor that writes in place shows half a file for a moment."""
    files = TargetFiles([f"{tmp_path}/*.json"], intake)
    write(tmp_path / "a.json", '[{"targets":["a:1"]}]', version=1)
    assert addresses(files) == ["a:1"]
    write(tmp_path / "a.json", '[{"targets":["a:1"', version=2)
    assert addresses(files) == ["a:1"]
    assert "not JSON" in intake.sources.rows()[0].error
    write(tmp_path / "a.json", '[{"targets":["a:3"]}]', version=3)
    assert addresses(files) == ["a:3"]
    assert intake.sources.rows()[0].error == ""


def test_file_that_is_deleted_takes_its_targets_along(tmp_path: Path, intake: Intake) -> None:
    """Deleting it is how a target is taken out of service."""
    files = TargetFiles([f"{tmp_path}/*.json"], intake)
    write(tmp_path / "a.json", '[{"targets":["a:1"]}]', version=1)
    assert addresses(files) == ["a:1"]
    (tmp_path / "a.json").unlink()
    assert addresses(files) == []
    assert intake.sources.rows() == []


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000])
def test_file_that_is_no_text_or_too_deep_is_reported(content: bytes, tmp_path: Path, intake: Intake) -> None:
    """Whatever lies there, the other files are read."""
    (tmp_path / "a.json").write_bytes(content)
    write(tmp_path / "b.json", '[{"targets":["b:1"]}]', version=1)
    assert addresses(TargetFiles([f"{tmp_path}/*.json"], intake)) == ["b:1"]
    assert sum(bool(row.error) for row in intake.sources.rows()) == 1
