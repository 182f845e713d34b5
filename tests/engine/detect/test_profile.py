"""What is usual at an hour is usual at that hour only, whatever the distance between samples was when it was learnt."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from steersman.model.findings import Aspect

DAY = 86_400_000
LABELS = {"service": "orders", "replica": "0", "instance": "orders:80"}


def daily(at: int) -> float:
    """Between 10 requests a second at midnight and 90 at noon."""
    return 50 - 40 * math.cos(2 * math.pi * (at % DAY) / DAY)


def weekdays(at: int) -> float:
    return daily(at) * (0.4 if (at // DAY) % 7 in {2, 3} else 1.0)


def live(mesh: Any, load: Callable[[int], float], seconds: int) -> None:
    for _ in range(seconds):
        done = int(mesh.rng.poisson(load(mesh.now)))
        mesh.count("http_requests_total", done, code="200", **LABELS)
        mesh.count("http_request_duration_seconds_count", done, **LABELS)
        mesh.count("http_request_duration_seconds_sum", float(mesh.rng.gamma(2, 0.01, done).sum()), **LABELS)
        mesh.count("process_cpu_seconds_total", 0.005 * load(mesh.now) * float(mesh.rng.uniform(0.8, 1.2)), **LABELS)
        mesh.step()


def rate(mesh: Any) -> Any:
    return next(level for level in mesh.senses.levels() if level.aspect is Aspect.TRAFFIC)


@pytest.mark.parametrize("hour", [2, 8, 12, 19])
def test_the_load_of_the_hour_is_usual_on_one_second_samples_after_a_baseline_of_minutes(
    mesh: Any, baseline: Any, hour: int
) -> None:
    mesh.now = mesh.now // DAY * DAY + hour * 3_600_000
    baseline(mesh, daily)
    live(mesh, daily, 300)
    assert mesh.findings == []
    assert rate(mesh).expected == pytest.approx(daily(mesh.now), rel=0.15)


def test_the_daily_peak_is_expected_before_it_comes(mesh: Any, baseline: Any) -> None:
    """From seven to nine the load doubles; who knows the day expects it."""
    mesh.now = mesh.now // DAY * DAY + 7 * 3_600_000
    baseline(mesh, daily)
    live(mesh, daily, 20)
    mesh.now += 2 * 3_600_000
    live(mesh, daily, 60)
    assert mesh.findings == []
    assert rate(mesh).expected == pytest.approx(daily(mesh.now), rel=0.2)


def test_the_first_live_second_after_a_hole_is_no_silence(mesh: Any, baseline: Any) -> None:
    """A process that began anew has counted nothing yet, and the last minute of the baseline is minutes ago."""
    baseline(mesh, daily)
    mesh.now += 170_000
    for second in range(30):
        mesh.value("http_requests_total", 50 * second, code="200", **LABELS)
        mesh.step()
    assert mesh.findings == []


def test_the_load_of_noon_is_not_usual_at_night(mesh: Any, baseline: Any) -> None:
    mesh.now = mesh.now // DAY * DAY + 2 * 3_600_000
    baseline(mesh, daily)
    live(mesh, daily, 60)
    live(mesh, lambda _: 90.0, 20)
    assert Aspect.TRAFFIC in {finding.aspect for finding in mesh.findings}
    assert {finding.severity for finding in mesh.findings} == {"info"}


def test_a_weekend_is_known_as_one_after_two_weeks(mesh: Any, baseline: Any) -> None:
    mesh.now = (mesh.now // DAY // 7 * 7 + 2) * DAY + 12 * 3_600_000
    baseline(mesh, weekdays, 16)
    live(mesh, weekdays, 120)
    assert mesh.findings == []
    assert rate(mesh).expected == pytest.approx(36, rel=0.25)
