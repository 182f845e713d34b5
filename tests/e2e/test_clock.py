"""A wall clock that is set hours and weeks ahead and back under a running platform."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.needs("faketime")]

HOUR = 3600
SETTINGS = """\
[telemetry.store]
checkpoint_seconds = 0.5
retention_seconds = 86400
[telemetry.host]
interval_seconds = 0.5
process_interval_seconds = 60
"""


class SetClock:
    """Decides what the platform takes for the time; its monotonic clock is left alone, as the kernel leaves it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.offset = 0
        self.set(0)

    def set(self, offset: int) -> None:
        self._file.write_text(f"{offset:+d}\n")
        self.offset = offset

    def now(self) -> float:
        return time.time() + self.offset

    @property
    def environment(self) -> dict[str, str]:
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def share_of_a_core(platform: Any) -> float:
    """What the process used over a second."""

    def used() -> tuple[float, float]:
        fields = Path(f"/proc/{platform.process.pid}/stat").read_text().split()
        return (int(fields[13]) + int(fields[14])) / 100, time.monotonic()

    cpu, began = used()
    time.sleep(1)
    cpu_after, ended = used()
    return (cpu_after - cpu) / (ended - began)


def host_samples(platform: Any, at: float) -> int:
    answer = platform.get("/api/v1/query", query='up{job="host"}[1m]', time=at)
    assert answer.status == 200, answer.text
    return sum(len(one["values"]) for one in answer.json()["data"]["result"])


def set_level(platform: Any, key: str) -> int:
    wish = {"args": {"level": "error", "logger": "steersman.example"}, "key": key}
    answer = platform.ask("POST", "/api/platform/actions/set_log_level", json.dumps(wish).encode(), platform.JSON)
    return int(answer.status)


def test_a_clock_that_jumps_stops_nothing_and_deletes_nothing(
    launch: Callable[..., Any], until: Callable[..., None], checked: Callable[..., Any], tmp_path: Path
) -> None:
    clock = SetClock(tmp_path / "clock")
    platform = launch(settings=SETTINGS, environment=clock.environment)
    platform.until_ready()
    started = clock.now()
    assert platform.lines("before any jump").status == 204
    assert set_level(platform, "start") == 200
    for jump, offset in enumerate((2 * HOUR, -HOUR, 40 * 24 * HOUR, 0, -2 * HOUR, 0)):
        clock.set(offset)
        # The collector goes on at the new time, also where the newest sample of its series lies far ahead.
        until(lambda: host_samples(platform, clock.now()) >= 3, 20)
        written = platform.metric("steersman_store_log_syncs_total")
        until(lambda before=written: platform.metric("steersman_store_log_syncs_total") > before, 10)
        until(lambda: platform.metric("steersman_store_checkpoint_age_seconds") < 2, 10)
        name = f"jump {jump}"
        at_ms = round(clock.now() * 1000)
        assert platform.samples((name, [(at_ms, 1.0)]), ("always", [(at_ms, 1.0)])).status == 204
        assert platform.values("bad_days[1m]", at=clock.now() + 1)[name] == [(at_ms, 1.0)]
        assert platform.lines(name).status == 204
        assert set_level(platform, name) == 200
        # It does not turn in circles, once the first seconds with their imports are over.
        until(lambda: share_of_a_core(platform) < 0.5, 20)

    status = platform.get("/api/platform/status").json()
    assert [(task["name"], task["last_error"]) for task in status["tasks"] if task["restarts"]] == []
    assert status["uptime_seconds"] < 120
    entries = platform.get("/api/platform/journal").json()["entries"]
    requested = [one["seq"] for one in entries if one["type"] == "action.requested"]
    assert len(requested) == 7
    assert requested == sorted(requested), "the journal keeps the order of what happened, whatever the clock says"
    assert host_samples(platform, started + 30) > 0
    platform.stop()
    assert checked(platform.data).returncode == 0
    again = launch(settings=SETTINGS)
    again.until_ready()
    assert again.bodies('"before any jump"') == ["before any jump"]
