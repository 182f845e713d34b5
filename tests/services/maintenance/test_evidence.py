"""What series, lines and disks tell: signs with a place to look, restarts that are counted once, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from steersman.engine.series.matching import fulfils
from steersman.model.labels import canonical, decode_labels, encode_labels
from steersman.model.search import SearchResult
from steersman.runtime.telemetry.query import Selection
from steersman.services.maintenance.model.hazard import ComponentKey, Part
from steersman.services.maintenance.model.settings import MaintenanceSettings
from steersman.services.maintenance.store.looking import Shown, assessed
from steersman.services.maintenance.store.smartctl import SmartDisks
from steersman.services.maintenance.store.telemetry import Evidence

NOW_MS = 1_767_225_600_000
HOUR = 3_600_000
DAY = 24 * HOUR


class MemoryStore:
    """A telemetry store of a few samples and lines."""

    def __init__(self) -> None:
        self.samples: dict[bytes, list[tuple[int, float]]] = {}
        self.lines: list[dict[str, Any]] = []
        self.queries = self.logs = self

    def add(self, metric: str, told: Sequence[tuple[int, float]], **labels: str) -> None:
        self.samples[encode_labels(canonical({"__name__": metric, **labels}))] = list(told)

    def select(self, _tenant: str, matchers: Any, start: int, end: int) -> Selection:
        found = {
            key: inside
            for key, told in self.samples.items()
            if fulfils(dict(decode_labels(key)), matchers)
            and (inside := [one for one in told if start <= one[0] <= end])
        }
        sizes = [0, *(len(told) for told in found.values())]
        times = np.array([at for told in found.values() for at, _ in told], np.int64)
        values = np.array([value for told in found.values() for _, value in told], np.float64)
        return Selection(list(found), np.cumsum(sizes), times, values)

    def keys(self, tenant: str, matchers: Any, start: int, end: int) -> list[bytes]:
        return self.select(tenant, matchers, start, end).keys

    def latest(self, tenant: str, matchers: Any, at: int, lookback: int) -> Selection:
        found = self.select(tenant, matchers, at - lookback, at)
        last = found.offsets[1:] - 1
        return Selection(found.keys, np.arange(len(found.keys) + 1), found.times[last], found.values[last])

    def search(
        self, _tenant: str, _query: Any, start: int, end: int, _limit: int, *, newest_first: bool
    ) -> SearchResult:
        return SearchResult([row for row in self.lines if start <= row["time_ns"] <= end])


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def evidence(store: MemoryStore) -> Evidence:
    return Evidence(store)  # type: ignore[arg-type]


def test_smart_series_are_signs_of_their_disk(store: MemoryStore) -> None:
    """A value above 0, and a check that is not 1; a healthy disk says nothing."""
    store.add("smartmon_reallocated_sector_ct_raw_value", [(NOW_MS, 8.0)], disk="/dev/sda", instance="web-1")
    store.add("smartmon_device_smart_healthy", [(NOW_MS, 0.0)], disk="/dev/sda", instance="web-1")
    store.add("smartmon_device_smart_healthy", [(NOW_MS, 1.0)], disk="/dev/sdb", instance="web-1")
    found = [(key, sign.rule.name, sign.text) for key, sign in evidence(store).signs(NOW_MS)]
    disk = ComponentKey(Part.DISK, "web-1", "sda")
    assert [(key, rule) for key, rule, _ in found] == [(disk, "reallocated_sectors"), (disk, "smart_failed")]
    assert found[0][2] == "8 sectors were reallocated"


def test_only_growth_within_a_week_counts_for_counters(store: MemoryStore) -> None:
    """A thousand errors last year are history; three since last week are not, nor are two after a restart."""
    errors = "node_edac_correctable_errors_total"
    store.add(errors, [(NOW_MS - 7 * DAY, 1000.0), (NOW_MS, 1000.0)], instance="old")
    store.add(errors, [(NOW_MS - 7 * DAY, 5.0), (NOW_MS, 8.0)], instance="growing")
    store.add(errors, [(NOW_MS - 7 * DAY, 50.0), (NOW_MS, 2.0)], instance="restarted")
    store.add(errors, [(NOW_MS, 9.0)], instance="new")
    found = {key.where: sign.text for key, sign in evidence(store).signs(NOW_MS)}
    assert found == {"growing": "3 memory errors were corrected", "restarted": "2 memory errors were corrected"}


def test_machines_and_disks_are_known_without_trouble(store: MemoryStore) -> None:
    """Loop devices are no disks."""
    store.add("node_memory_MemTotal_bytes", [(NOW_MS, 1e9)], instance="web-1")
    for device in ("sda", "loop0"):
        store.add("node_disk_io_time_seconds_total", [(NOW_MS, 1.0)], instance="web-1", device=device)
    assert {(key.part, key.name) for key in evidence(store).inventory(NOW_MS)} == {
        (Part.HOST, ""), (Part.MEMORY, ""), (Part.DISK, "sda"),
    }  # fmt: skip


def test_restarts_are_counted_once_over_many_looks(store: MemoryStore) -> None:
    """A new start time is a restart, a fraction of a second is not, and looking again adds nothing."""
    hours = range(48, -1, -1)
    told = [(NOW_MS - hour * HOUR, 1000.0 + (5000.0 if hour < 20 else 0.0) + 0.01 * (hour % 2)) for hour in hours]
    store.add("process_start_time_seconds", told, service="orders", replica="0")
    seen = evidence(store)
    for now_ms in (NOW_MS - 30 * HOUR, NOW_MS - 10 * HOUR, NOW_MS, NOW_MS):
        found = seen.restarts(now_ms)[ComponentKey(Part.SERVICE, "orders", "0")]
    assert (found.count, found.days) == (1, 2.0)


def test_lines_are_counted_once_and_forgotten_after_a_week(store: MemoryStore) -> None:
    line = {"service": "kernel", "body": "I/O error, dev sda1, sector 9", "attributes": {"host.name": "web-1"}}
    store.lines = [line | {"time_ns": (NOW_MS - hour * HOUR) * 1_000_000} for hour in (3, 1)]
    seen = evidence(store)
    for now_ms in (NOW_MS, NOW_MS + HOUR):
        ((key, sign),) = seen.lines(now_ms)
        assert (key.where, key.name, sign.text) == ("web-1", "sda", "the kernel had 2 I/O errors")
    assert list(seen.lines(NOW_MS + 8 * DAY)) == []


def _smartctl(folder: Path, prints: str) -> MaintenanceSettings:
    program = folder / "smartctl"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {folder}/asked\ncat <<'END'\n{prints}\nEND\nexit 4\n")
    program.chmod(0o755)
    return MaintenanceSettings(smartctl=str(program), smart_devices=("/dev/sda",))


def test_a_configured_disk_is_asked_once_in_some_hours(tmp_path: Path) -> None:
    """Its exit status says that something is wrong with the disk, and is no failure of the question."""
    report = '{"smart_status": {"passed": true}, "ata_smart_attributes": {"table": [{"id": 197, "raw": {"value": 3}}]}}'
    disks = SmartDisks(_smartctl(tmp_path, report))
    for now_ms in (NOW_MS, NOW_MS + HOUR):
        ((key, sign),) = disks.signs(now_ms)
        assert sign is not None
        assert (key.name, sign.rule.name, sign.reference) == ("sda", "pending_sectors", "smartctl -a /dev/sda")
    assert (tmp_path / "asked").read_text() == "--json -a /dev/sda\n"


@pytest.mark.parametrize(
    ("prints", "why"), [("not json", "no answer"), ("[]", "no SMART status"), ("{}", "no SMART status")]
)
def test_a_disk_that_says_nothing_is_named(tmp_path: Path, prints: str, why: str) -> None:
    disks = SmartDisks(_smartctl(tmp_path, prints))
    assert list(disks.signs(NOW_MS)) == []
    assert why in disks.trouble["/dev/sda"]


def test_without_the_program_nothing_is_said_about_the_disk() -> None:
    disks = SmartDisks(MaintenanceSettings(smartctl="no-such-program", smart_devices=("/dev/sda",)))
    assert list(disks.signs(NOW_MS)) == []
    assert "not installed" in disks.trouble["/dev/sda"]


@pytest.mark.parametrize("device", ["sda", "--all", "/dev/../etc/passwd", "/dev/sda; rm"])
def test_only_a_device_can_be_configured(device: str) -> None:
    with pytest.raises(ValueError, match="is not a device"):
        MaintenanceSettings(smart_devices=(device,))


def test_a_look_brings_everything_together(store: MemoryStore) -> None:
    """Two exporters that tell of the same sectors are one sign, and services come after hardware."""
    store.add("smartmon_current_pending_sector_raw_value", [(NOW_MS, 4.0)], disk="/dev/sda", instance="web-1")
    raw = {"attribute_name": "Current_Pending_Sector", "attribute_value_type": "raw"}
    store.add("smartctl_device_attribute", [(NOW_MS, 4.0)], device="sda", instance="web-1", **raw)
    store.add("process_start_time_seconds", [(NOW_MS, 1.0)], service="orders")
    settings = MaintenanceSettings()
    state = SimpleNamespace(evidence=evidence(store), disks=SmartDisks(settings))
    found = assessed(state, NOW_MS)  # type: ignore[arg-type]
    assert [(one.key.part, len(one.signs)) for one in found] == [(Part.DISK, 1), (Part.SERVICE, 0)]
    assert list(Shown.of(found, NOW_MS).by_id) == ["service.orders", "disk.web-1.sda"]
