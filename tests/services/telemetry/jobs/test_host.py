"""The host job: from a machine's files to samples in a store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import Temporary
from steersman.model.ids import Tenant
from steersman.model.labels import decode_labels
from steersman.model.telemetry import STALE_NAN_BITS, MetricMetadata, MetricType, WireFormat
from steersman.services.telemetry.jobs.host import LOST_PASSES, HostWriter, watch_machine, watch_processes
from steersman.services.telemetry.jobs.machine import Place
from steersman.services.telemetry.jobs.sources import Intake, Source, Sources
from steersman.services.telemetry.model import HostSettings

STALE = object()
SOURCE = Source("host", "box", 5.0)


class TurnedClock:
    """A clock that stands at the start of an hour and moves only when somebody sleeps; the third sleep ends the test."""

    def __init__(self, slow: float = 0.0) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []
        self._slow = slow

    def wall_ns(self) -> int:
        return int(self.now * 1e9)

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + self._slow
        if len(self.slept) == 3:
            raise asyncio.CancelledError


class DecodingStore:
    def __init__(self) -> None:
        self.samples: list[tuple[dict[str, str], int, Any]] = []
        self.metadata: list[MetricMetadata] = []
        self.error: Temporary | None = None

    async def write(self, format: WireFormat, _tenant: Tenant, body: bytes, received_ns: int) -> None:
        if self.error:
            raise self.error
        decoded = TelemetryEngine().decode(format)(body, received_ns)
        self.metadata += decoded.metadata
        batch = decoded.metrics
        assert batch is not None
        for series, at, value in zip(batch.series.tolist(), batch.times.tolist(), batch.values.tolist(), strict=True):
            stale = struct.pack(">d", value) == STALE_NAN_BITS.to_bytes(8)
            self.samples.append((dict(decode_labels(batch.keys[series])), at, STALE if stale else value))

    def values(self, name: str) -> list[Any]:
        return [value for labels, _, value in self.samples if labels["__name__"] == name]


def scene(clock: TurnedClock | None = None) -> tuple[DecodingStore, Intake]:
    store = DecodingStore()
    return store, Intake(write=store.write, clock=clock or TurnedClock(), sources=Sources(counts=Counter()))


def place(root: Path) -> Place:
    (root / "proc/7").mkdir(parents=True)
    (root / "proc/loadavg").write_text("0.5 0.6 0.7 1/2 3\n")
    (root / "proc/7/stat").write_text("7 (db) S 1 1 1 0 -1 0 0 0 0 0 100 0 0 0 20 0 2 0 500 0 10 0 0 0\n")
    return Place(root / "proc", root / "sys", uname=lambda: os.uname_result(("Linux", "box", "6", "1", "x86_64")))


def test_machine_is_written_with_job_instance_and_up_at_its_interval(tmp_path: Path) -> None:
    """Every pass has one time for all of its samples."""
    clock = TurnedClock()
    store, intake = scene(clock)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(watch_machine(intake, HostSettings(interval_seconds=5), place(tmp_path)))
    assert clock.slept == [5.0, 5.0, 5.0]
    load = [(labels, at) for labels, at, _ in store.samples if labels["__name__"] == "node_load1"]
    assert [at for _, at in load] == [1_700_000_000_000, 1_700_000_005_000, 1_700_000_010_000]
    assert load[0][0] == {"__name__": "node_load1", "job": "host", "instance": "box"}
    assert store.values("up") == [1.0] * 3
    [row] = intake.sources.rows()
    assert (row.kind, row.name, row.interval_seconds, row.last_ms) == ("host", "box", 5.0, 1_700_000_010_000)


def test_intervals_that_were_missed_are_not_made_up_for(tmp_path: Path) -> None:
    """Catching up would repeat the present several times."""
    clock = TurnedClock(slow=12.0)
    _, intake = scene(clock)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(watch_machine(intake, HostSettings(interval_seconds=5), place(tmp_path)))
    # Each sleep takes 12 s longer than asked for: 0 + 5 + 12 = 17, so to 20, which ends at 32, so to 35.
    assert clock.slept == [5.0, 3.0, 3.0]


def test_processes_are_written_in_groups(tmp_path: Path) -> None:
    """With the machine's own totals."""
    store, intake = scene()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(watch_processes(intake, HostSettings(), place(tmp_path)))
    assert store.values("steersman_process_cpu_seconds_total") == [1.0] * 3
    assert store.values("node_processes_pids") == [1.0] * 3


def test_metrics_are_described_once() -> None:
    """The text that a person reads beside a graph."""
    store, intake = scene()
    writer = HostWriter(intake, SOURCE, "box")

    async def run() -> None:
        for _ in range(2):
            await writer.write([("node_vmstat_pgpgin", (), 1.0), ("node_forks_total", (), 2.0)], 10**9)

    asyncio.run(run())
    assert [(entry.name, entry.type) for entry in store.metadata] == [
        ("node_forks_total", MetricType.COUNTER),
        ("node_vmstat_pgpgin", MetricType.UNKNOWN),
    ]
    assert store.metadata[0].help == "Processes that were started since boot."


def test_series_that_are_gone_are_marked_as_ended_also_after_a_full_store() -> None:
    """A disk that was pulled out must not look as if it stood still."""
    store, intake = scene()
    writer = HostWriter(intake, SOURCE, "box")

    async def run() -> None:
        await writer.write([("node_load1", (), 1.0), ("node_disk_io_now", (("device", "sdb"),), 3.0)], 10**9)
        store.error = Temporary("disk full")
        await writer.write([("node_load1", (), 1.0)], 2 * 10**9)
        assert intake.sources.rows()[0].error == "disk full"
        assert intake.sources.rows()[0].last_ms == 1000
        assert intake.sources.counts[LOST_PASSES] == 1
        store.error = None
        await writer.write([("node_load1", (), 1.0)], 3 * 10**9)
        await writer.write([("node_load1", (), 1.0)], 4 * 10**9)

    asyncio.run(run())
    assert store.values("node_disk_io_now") == [3.0, STALE]
    assert store.values("node_load1") == [1.0, 1.0, 1.0]
