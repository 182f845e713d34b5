"""`verify` finds nothing wrong with a healthy store, and every damaged byte of another."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.engine.telemetry import TelemetryEngine
from steersman.runtime.telemetry import wal
from steersman.runtime.telemetry.verify import verify

Begin = Callable[..., Any]
ENGINE = TelemetryEngine()
KINDS = (
    "manifest.json",
    "head/series-*",
    "head/samples-*",
    "metrics/*.samples.parquet",
    "metrics/*.series.parquet",
    "logs/*.parquet",
    "logs/*.index",
    "spans/*.parquet",
    "spans/*.index",
)


@pytest.fixture
def folder(begin: Begin) -> Path:
    """A killed store with blocks, a checkpoint and a log of several files behind it."""

    async def run() -> Path:
        async with begin() as life:
            for step in (life.store.upkeep.seal, life.store.checkpoints.write, None):
                for n in range(40):
                    await life.samples([(f"m{n % 5}", 1000 - n, float(n))])
                    await life.lines(f"line {n} with words")
                    await life.spans(f"span {n}")
                life.clock.tick(1)
                if step is not None:
                    await step()
            return Path(life.store.folder)

    return asyncio.run(run())


def test_a_healthy_store_has_no_problems_and_is_left_as_it_is(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert verify(folder, ENGINE) == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("pattern", KINDS)
def test_a_flipped_bit_anywhere_is_found(pattern: str, folder: Path) -> None:
    chance = random.Random(7)
    path = min(folder.glob(pattern))
    sound = path.read_bytes()
    for at in [0, len(sound) - 1, *(chance.randrange(len(sound)) for _ in range(25))]:
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << chance.randrange(8)]) + sound[at + 1 :])
        assert verify(folder, ENGINE), f"bit at byte {at} of {len(sound)}"
    path.write_bytes(sound)
    assert verify(folder, ENGINE) == []


@pytest.mark.parametrize("pattern", KINDS)
@pytest.mark.parametrize("damage", ["cut", "empty", "removed"])
def test_a_file_that_is_short_empty_or_gone_is_found(pattern: str, damage: str, folder: Path) -> None:
    path = min(folder.glob(pattern))
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: -10 if damage == "cut" else 0])
    problems = verify(folder, ENGINE)
    assert any(path.name.split(".")[0] in f"{one.file} {one.detail}" for one in problems)


def test_a_log_file_that_is_damaged_or_missing_in_the_middle_is_found(folder: Path, tmp_path: Path) -> None:
    paths = wal.segments(folder / "wal")
    assert len(paths) > 3
    middle = paths[-2]
    sound = middle.read_bytes()
    for at in (0, 30, wal.read_segment(middle).end - 1):
        middle.write_bytes(sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1 :])
        assert [one.file for one in verify(folder, ENGINE)] == ["wal"]
    middle.unlink()
    assert [one.file for one in verify(folder, ENGINE)] == ["wal"]


def test_the_log_that_follows_the_checkpoint_may_not_be_missing_at_its_beginning(folder: Path) -> None:
    first = wal.segments(folder / "wal")[0]
    first.unlink()
    [problem] = verify(folder, ENGINE)
    assert problem.file == "wal"
    assert "lacks record" in problem.detail


def test_two_stores_cannot_be_mixed(folder: Path, tmp_path: Path) -> None:
    """A checkpoint of an older moment does not go with a newer manifest."""
    for path in (folder / "head").glob("samples-*"):
        shutil.copy(path, tmp_path / "kept")
        path.write_bytes(path.read_bytes() * 2)
        assert verify(folder, ENGINE) == []
        path.write_bytes((tmp_path / "kept").read_bytes()[24:])
        assert verify(folder, ENGINE)
