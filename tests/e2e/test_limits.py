"""The limits that a person sets: how many series, how late, how long kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

HOUR_MS = 3_600_000


@pytest.mark.slow
def test_new_series_above_the_limit_are_refused_by_name_of_the_setting_and_known_ones_go_on(
    launch: Callable[..., Any], now_ms: int
) -> None:
    platform = launch(settings="[telemetry.store]\nmax_series = 1000\n[telemetry.host]\nenabled = false\n")
    platform.until_ready()
    room = 1000 - round(platform.metric("steersman_store_series"))
    first = platform.samples(*((f"s{n}", [(now_ms, 1.0)]) for n in range(room)))
    assert first.status == 204
    over = platform.samples(("s0", [(now_ms + 1, 2.0)]), *((f"new{n}", [(now_ms, 1.0)]) for n in range(7)))
    assert (over.status, over.headers["x-prometheus-remote-write-samples-written"]) == (400, "1")
    assert over.text.startswith("7 not stored: the series is new, and the store holds 1000 already")
    assert "telemetry.store.max_series" in over.text
    assert "a label with unbounded values" in over.text
    gauge = {"name": "one_more", "gauge": {"dataPoints": [{"timeUnixNano": str(now_ms * 10**6), "asInt": "1"}]}}
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge]}]}]}).encode()
    partial = platform.ask("POST", "/v1/metrics", body, platform.JSON).json()["partialSuccess"]
    assert partial["rejectedDataPoints"] == "1"
    assert "telemetry.store.max_series" in partial["errorMessage"]
    assert platform.lines("lines have no series").status == 204
    assert platform.metric("steersman_store_series") == 1000
    assert platform.values('bad_days{name="s0"}[1h]')["s0"] == [(now_ms, 1.0), (now_ms + 1, 2.0)]


def test_late_samples_are_taken_inside_the_window_and_refused_with_the_reason_outside(
    platform: Any, now_ms: int
) -> None:
    assert platform.samples(("late", [(now_ms, 3.0)])).status == 204
    assert platform.samples(("late", [(now_ms - HOUR_MS, 1.0), (now_ms - HOUR_MS // 2, 2.0)])).status == 204
    refused = platform.samples(("late", [(now_ms - 3 * HOUR_MS, 0.0), (now_ms + 1, 4.0)]))
    assert refused.status == 400
    assert refused.text == "1 not stored: more than 2 h older than the newest of its series\n"
    expected = [(now_ms - HOUR_MS, 1.0), (now_ms - HOUR_MS // 2, 2.0), (now_ms, 3.0), (now_ms + 1, 4.0)]
    assert platform.values('bad_days{name="late"}[1d]', at=now_ms / 1000 + 1)["late"] == expected
    # A series that nobody knew may begin long ago, which is what a sender after an outage does.
    days = [(now_ms - hours * HOUR_MS, float(hours)) for hours in range(100, 0, -1)]
    assert platform.samples(("begins-long-ago", days)).status == 204
    found = platform.values('bad_days{name="begins-long-ago"}[7d]', at=now_ms / 1000 + 1)
    assert found["begins-long-ago"] == days


@pytest.mark.slow
def test_blocks_past_the_age_or_the_size_are_gone_with_what_they_held(
    launch: Callable[..., Any], until: Callable[..., None], checked: Callable[..., Any]
) -> None:
    quiet = "[telemetry.host]\nenabled = false\n[telemetry.store]\ncheckpoint_seconds = 0.2\n"
    platform = launch(settings=quiet)
    platform.until_ready()
    hours_ago = str(time.time_ns() - 2 * HOUR_MS * 1_000_000)
    push = {"streams": [{"stream": {"job": "x"}, "values": [[hours_ago, "an old line"]]}]}
    assert platform.ask("POST", "/loki/api/v1/push", json.dumps(push).encode(), platform.JSON).status == 204
    files = platform.data / "telemetry" / "logs"
    until(lambda: bool(list(files.glob("*.parquet"))))
    [old] = files.glob("*.parquet")
    assert platform.lines("a young line").status == 204
    until(lambda: len(list(files.glob("*.parquet"))) == 2)
    platform.stop()
    for setting, left in (("retention_seconds = 3600", ["a young line"]), ("retention_bytes = 1", [])):
        next_one = launch(settings=f"{quiet}{setting}\n")
        next_one.until_ready()
        until(lambda one=next_one, left=left: one.bodies('"line"') == left)
        until(lambda: not old.exists())
        next_one.stop()
        assert checked(next_one.data).returncode == 0
