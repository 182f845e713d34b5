"""What is noticed, how soon, how badly, and when it is over."""

from __future__ import annotations

import math
from typing import Any

import pytest

from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource

ORDERS = Entity(EntityKind.SERVICE, "orders")
LABELS = {"service": "orders", "replica": "0", "instance": "orders:80"}


def first(findings: list[Finding], aspect: Aspect) -> Finding:
    return next(one for one in findings if one.aspect is aspect and one.active)


FAULTS: list[tuple[Aspect, Direction, dict[str, float]]] = [
    (Aspect.ERRORS, Direction.HIGH, {"failing": 0.4}),
    (Aspect.LATENCY, Direction.HIGH, {"seconds": 0.4}),
    (Aspect.QUEUE, Direction.HIGH, {"queue_length": 300}),
    (Aspect.PROGRESS, Direction.STUCK, {"jobs": 0.0}),
    (Aspect.DESCRIPTORS, Direction.HIGH, {"process_open_fds": 240}),
    (Aspect.POOL, Direction.HIGH, {"pool_connections_in_use": 10.3}),
    (Aspect.LOG_VOLUME, Direction.HIGH, {"lines": 900}),
    (Aspect.CLOCK, Direction.HIGH, {"clock": 45}),
    (Aspect.MEMORY, Direction.HIGH, {"process_resident_memory_bytes": 4e8}),
    (Aspect.CPU, Direction.HIGH, {"cpu": 0.95}),
]


@pytest.mark.parametrize(("aspect", "direction", "how"), FAULTS)
def test_a_clear_fault_is_a_warning_within_eight_seconds_and_ends_when_it_is_over(
    mesh: Any, aspect: Aspect, direction: Direction, how: dict[str, float]
) -> None:
    mesh.usual(120, "orders", "front")
    began = mesh.now
    finding = first(mesh.run(25, "orders", **how), aspect)
    assert (finding.entity, finding.direction) == (ORDERS, direction)
    assert finding.severity in {"warning", "critical"}
    assert finding.seen_ms - began <= 8_000
    ends = [one for one in mesh.run(30, "orders") if one.key == finding.key and not one.active]
    assert len(ends) == 1
    assert ends[0].started_ms == finding.started_ms


def test_a_mesh_that_only_scatters_is_left_alone(mesh: Any) -> None:
    mesh.usual(900, "orders", "front", "payments")
    assert mesh.findings == []


def test_a_surge_is_a_note_about_traffic_and_the_processor_it_needs(mesh: Any) -> None:
    mesh.usual(120, "orders")
    found = mesh.run(60, "orders", rate=60.0, seconds=0.03)
    assert {one.severity for one in found} == {"info"}
    assert first(found, Aspect.TRAFFIC).direction is Direction.HIGH
    assert {one.aspect for one in found} <= {Aspect.TRAFFIC, Aspect.CPU, Aspect.QUEUE}


def test_failures_are_found_without_any_history(mesh: Any) -> None:
    found = mesh.run(10, "orders", failing=0.3)
    assert first(found, Aspect.ERRORS).source is FindingSource.THRESHOLD
    assert "%" in first(found, Aspect.ERRORS).reason


def test_one_failed_request_among_few_is_no_finding(mesh: Any) -> None:
    for second in range(120):
        mesh.count("http_requests_total", 2 - (second == 100), code="200", **LABELS)
        mesh.count("http_requests_total", second == 100, code="500", **LABELS)
        mesh.step()
    assert mesh.findings == []


def test_an_error_code_that_appears_for_the_first_time_has_counted_from_zero(mesh: Any) -> None:
    mesh.usual(60, "orders")
    for _ in range(8):
        mesh.service("orders")
        mesh.count("http_requests_total", 20, code="500", **LABELS)
        mesh.step()
    assert first(mesh.findings, Aspect.ERRORS).started_ms == mesh.now - 8_000


def test_a_scrape_that_fails_is_found_at_once_and_says_how_much_is_down(mesh: Any) -> None:
    for second in range(30):
        for replica in "01":
            mesh.value("up", second != 20 or replica == "0", service="orders", replica=replica, instance=replica)
        mesh.step()
    begun = [one for one in mesh.findings if one.active]
    assert [(one.entity.ref, one.severity) for one in begun] == [
        ("service:orders", "warning"),
        ("process:orders/1", "info"),
    ]
    assert begun[0].value == 0.5
    assert {one.source for one in begun} == {FindingSource.HEALTH}


def test_steady_growth_of_memory_is_found_long_before_it_is_much(mesh: Any) -> None:
    mesh.usual(120, "orders")
    for second in range(60):
        mesh.service("orders", process_resident_memory_bytes=8e7 + second * 1.5e6)
        mesh.step()
    finding = first(mesh.findings, Aspect.MEMORY)
    assert finding.severity == "warning"
    assert "rises steadily" in finding.reason
    assert finding.value is not None
    assert finding.value < 1.5e8


def test_a_slow_drift_inside_the_limits_is_left_alone(mesh: Any) -> None:
    mesh.usual(60, "orders")
    for second in range(900):
        mesh.service("orders", process_resident_memory_bytes=8e7 + second * 1e4, process_open_fds=40 + second / 60)
        mesh.step()
    assert mesh.findings == []


def test_a_restart_is_a_note_and_a_crash_loop_is_critical(mesh: Any) -> None:
    started = 1000.0
    for second in range(120):
        if second in {40, 80, 88, 96, 104}:
            started += 8
        mesh.value("process_start_time_seconds", started, **LABELS)
        mesh.step()
    told = [(one.severity, one.active) for one in mesh.findings if one.entity == ORDERS]
    assert told == [("info", True), ("info", False), ("info", True), ("critical", True)]


def test_a_restart_does_not_make_counters_fall(mesh: Any) -> None:
    for second in range(120):
        mesh.value("http_requests_total", 10 * (second if second < 60 else second - 60), code="200", **LABELS)
        mesh.step()
    assert mesh.findings == []


@pytest.mark.parametrize(("left", "severity"), [(90 * 86_400, None), (3 * 86_400, "warning"), (-60, "critical")])
def test_a_certificate_is_judged_by_the_time_that_is_left(mesh: Any, left: float, severity: str | None) -> None:
    for _ in range(3):
        mesh.value("tls_certificate_not_after_seconds", mesh.now / 1000 + left, **LABELS)
        mesh.step()
    assert [one.severity for one in mesh.findings] == ([severity] if severity else [])


def test_samples_of_the_past_teach_and_raise_nothing(mesh: Any) -> None:
    for minute in range(600, 10, -1):
        mesh.count("http_requests_total", 600, mesh.now - minute * 60_000, code="500", **LABELS)
    assert mesh.step() == ()


def test_a_level_that_stays_for_half_an_hour_becomes_usual_and_the_finding_says_so(mesh: Any) -> None:
    for minute in range(4 * 45):
        level = 100.0 if minute < 4 * 10 else 900.0
        mesh.value("queue_length", level + float(mesh.rng.normal(0, 5)), **LABELS)
        mesh.step(15_000)
    begun, ended = mesh.findings
    assert 30 * 60_000 <= ended.ended_ms - begun.started_ms <= 32 * 60_000
    assert "now usual" in ended.reason


def test_what_is_no_longer_measured_ends_its_finding(mesh: Any) -> None:
    mesh.usual(60, "orders")
    mesh.run(10, "orders", failing=0.5)
    for _ in range(60):
        mesh.value("up", 1, **LABELS)
        mesh.step()
    ends = [one for one in mesh.findings if one.aspect is Aspect.ERRORS and not one.active]
    assert "no longer measured" in ends[0].reason


def test_a_gauge_that_always_moved_and_stands_still_is_a_note(mesh: Any) -> None:
    for second in range(400):
        mesh.value("temperature_celsius", mesh.rng.normal(40, 1) if second < 300 else 40.5, **LABELS)
        mesh.step()
    assert [(one.direction, one.severity) for one in mesh.findings] == [(Direction.STUCK, "info")]


@pytest.mark.parametrize(("coming", "queue", "severity"), [(0, 0, "info"), (5, 60, "warning"), (0, 60, "warning")])
def test_a_worker_without_work_is_idle_and_one_with_a_queue_is_stuck(
    mesh: Any, coming: int, queue: int, severity: str
) -> None:
    for second in range(80):
        stuck = second >= 60
        mesh.count("http_requests_total", coming if stuck else 5, code="200", **LABELS)
        mesh.count("jobs_processed_total", 0 if stuck else 5, **LABELS)
        mesh.value("queue_length", queue if stuck else 0, **LABELS)
        mesh.step()
    assert first(mesh.findings, Aspect.PROGRESS).severity == severity


def test_findings_about_series_that_nobody_knows_are_bounded(mesh: Any) -> None:
    for second in range(60):
        for number in range(300):
            mesh.value(f"odd_{number}", float(mesh.rng.normal(5, 0.1)) + (90 if second > 40 else 0), **LABELS)
        mesh.step()
    assert len(mesh.findings) == 100
    assert {one.severity for one in mesh.findings} == {"info"}


def test_trends_tell_the_level_before_and_now_and_where_it_goes(mesh: Any) -> None:
    mesh.usual(120, "orders")
    began = mesh.now
    for second in range(20):
        mesh.service("orders", process_open_fds=40 + 5 * second)
        mesh.step()
    share = next(one for one in mesh.senses.trends(ORDERS, Aspect.DESCRIPTORS, began) if ":share" in one.signal)
    assert share.before == pytest.approx(40 / 256, rel=0.05)
    assert share.now == pytest.approx(125 / 256, rel=0.15)
    assert share.slope > 0.5
    assert share.limit == 1.0
    assert mesh.senses.trends(ORDERS, Aspect.ACCESS, began) == ()
    assert mesh.senses.trends(Entity(EntityKind.HOST, "nowhere"), Aspect.CPU, began) == ()


def test_levels_tell_what_is_measured_now(mesh: Any) -> None:
    mesh.usual(60, "orders")
    levels = {level.signal: level for level in mesh.senses.levels()}
    rate = levels['http_requests:rate{service="orders"}']
    assert rate.expected == pytest.approx(20, rel=0.15)
    assert all(math.isfinite(level.value) for level in levels.values())
    mesh.now += 600_000
    mesh.step()
    assert mesh.senses.levels() == ()


def test_the_owner_of_a_replica_and_the_other_end_of_a_call_become_known(mesh: Any) -> None:
    mesh.value("dependency_requests_total", 1, peer="payments", self_healing="true", **LABELS)
    _, edges, entities = mesh.senses.fold(mesh.round())
    assert {(edge.kind, edge.source.ref, edge.target.ref) for edge in edges} == {
        ("calls", "service:orders", "service:payments"),
        ("owns", "service:orders", "process:orders/0"),
    }
    assert entities[0].label("self_healing") == "true"
    assert mesh.senses.fold(mesh.round())[2] == ()
