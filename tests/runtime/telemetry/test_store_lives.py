"""Random lives of one store: writes, upkeep, a disk that fills up, kills; the model holds what was acknowledged."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.model.errors import Temporary
from steersman.runtime.telemetry.disk import AppendFile, Buffer, LocalDisk
from steersman.runtime.telemetry.verify import verify

STEPS = ("samples", "lines", "spans", "checkpoint", "rotate", "seal", "merge", "kill", "stop", "full", "room", "time")


class FillingDisk(LocalDisk):
    """A real disk that lets so many more writes through; None means it has room."""

    def __init__(self) -> None:
        self.left: int | None = None

    def _take(self) -> None:
        if self.left is not None:
            if self.left <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.left -= 1

    def open_append(self, path: Path, *, reserve: int = 0) -> AppendFile:
        self._take()
        return super().open_append(path, reserve=reserve)

    def write_file(self, path: Path, buffers: Sequence[Buffer]) -> None:
        self._take()
        super().write_file(path, buffers)


class Model:
    """What the store has acknowledged. What it refused for want of room is gone."""

    def __init__(self) -> None:
        self.samples: dict[tuple[str, int], float] = {}
        self.lines: Counter[str] = Counter()
        self.spans: Counter[str] = Counter()
        self.number = 0

    async def write(self, life: Any, step: str) -> None:
        self.number += 1
        name = f"{step} {self.number}"
        try:
            if step == "samples":
                rows = [(f"m{(self.number + n) % 5}", self.number * 3 + n, float(self.number)) for n in range(4)]
                report = await life.samples(rows)
                assert report.refused == ()
                for metric, before, value in rows:
                    self.samples.setdefault((metric, life.now_ms - before), value)
            elif step == "lines":
                await life.lines(name)
                self.lines[name] += 1
            else:
                await life.spans(name)
                self.spans[name] += 1
        except Temporary:
            assert life.store.disk.left is not None

    def compare(self, life: Any) -> None:
        assert life.found() == self.samples
        assert Counter(life.found_lines()) == self.lines
        assert Counter(life.found_spans()) == self.spans


async def upkeep(life: Any, step: str) -> None:
    store = life.store
    work = {
        "checkpoint": store.checkpoints.write,
        "rotate": lambda: store.checkpoints.write(rotate=True),
        "seal": store.upkeep.seal,
    }
    try:
        if step == "merge":
            await store.upkeep.merge(2**50)
        else:
            await work[step]()
    except OSError:
        assert store.disk.left is not None


async def live(begin: Any, folder: Path, steps: list[str]) -> None:
    model, rest, disk = Model(), list(steps), FillingDisk()
    while rest:
        disk.left = None
        async with begin(disk, folder=folder, segment_bytes=1500) as life:
            model.compare(life)
            while rest:
                step = rest.pop(0)
                if step in {"samples", "lines", "spans"}:
                    await model.write(life, step)
                elif step in {"full", "room"}:
                    disk.left = len(rest) % 4 if step == "full" else None
                elif step == "time":
                    life.clock.tick(7)
                elif step == "stop":
                    await life.store.stop()
                    break
                elif step == "kill":
                    break
                else:
                    await upkeep(life, step)
                model.compare(life)
    async with begin(LocalDisk(), folder=folder) as life:
        model.compare(life)
        assert verify(folder, life.store.engine) == []


def run(begin: Any, steps: list[str]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(live(begin, Path(folder) / "store", steps))


@pytest.mark.slow
@pytest.mark.parametrize("first", STEPS)
def test_whatever_happens_the_store_holds_what_it_acknowledged_and_nothing_twice(first: str, begin: Any) -> None:
    @settings(max_examples=8, deadline=None)
    @given(st.lists(st.sampled_from(STEPS), min_size=5, max_size=40))
    def lives(steps: list[str]) -> None:
        run(begin, [first, *steps])

    lives()


@pytest.mark.parametrize(
    "steps",
    [
        "samples lines full rotate samples room seal kill samples merge stop samples",
        "spans seal lines full lines seal full seal kill spans seal merge kill",
        "samples checkpoint samples full seal kill samples rotate samples kill samples seal seal merge merge",
        "lines rotate full rotate lines time rotate room rotate kill lines stop lines",
    ],
)
def test_lives_that_went_wrong_once(steps: str, begin: Any) -> None:
    run(begin, steps.split())
