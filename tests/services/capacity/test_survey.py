"""One look over a store: what is found, how long histories are read, and what stays within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import yaml

from steersman.engine.forecast.naive import Method
from steersman.model.errors import Conflict
from steersman.services.capacity.logic import planning, views
from steersman.services.capacity.logic.warnings import settle
from steersman.services.capacity.model import wire
from steersman.services.capacity.model.settings import CapacitySettings, ServiceCapacity
from steersman.services.capacity.store.histories import Histories
from steersman.services.capacity.store.survey import Surveyor

NOW_MS = 1_767_225_600_000 + 28 * 86_400_000
WEEK = 7 * 24 * 60
GIB = 2.0**30


def disk(metrics: Any, times: np.ndarray, left: np.ndarray, **labels: str) -> None:
    here = {"instance": "web-1", "mountpoint": "/", "fstype": "ext4"} | labels
    metrics.add("node_filesystem_avail_bytes", times, left, **here)
    metrics.add("node_filesystem_size_bytes", times, np.full(times.size, 100 * GIB), **here)


def surveyor(metrics: Any, **settings: Any) -> Surveyor:
    return Surveyor.of(CapacitySettings(**settings), lambda: metrics)


def test_a_filling_disk_has_a_date(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """One percent an hour, 60 left of 100: it is full in 60 hours."""
    hours = np.arange(WEEK) / 60
    disk(metrics, minutes(WEEK), (60 + (hours[-1] - hours) * 0.2) * GIB)
    found = views.resources(surveyor(metrics).look(NOW_MS)).resources
    assert [one.name for one in found] == ["filesystem / of host web-1"]
    assert found[0].runs_out is not None
    assert found[0].runs_out.expected_ms == pytest.approx(NOW_MS + 300 * 3_600_000, abs=2 * 3_600_000)
    assert found[0].used == pytest.approx(0.4, abs=0.001)
    assert found[0].confidence == "low"
    assert "extrapolation" in found[0].words


def test_what_is_no_disk_is_left_out(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """An image that is full by nature never runs out."""
    disk(metrics, minutes(WEEK), np.zeros(WEEK), fstype="squashfs")
    assert surveyor(metrics).look(NOW_MS).resources == ()


def test_a_fresh_install_is_silent(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """Minutes of history give no date and no finding, and say why; an hour is looked at finely."""
    disk(metrics, minutes(10), np.linspace(10, 5, 10) * GIB)
    survey = surveyor(metrics).look(NOW_MS)
    assert settle({}, survey, NOW_MS) == ({}, [])
    assert "too little to test on" in views.resource(survey.resources[0]).words
    disk(metrics, minutes(60), np.linspace(10, 5, 60) * GIB)
    young = surveyor(metrics).look(NOW_MS)
    assert young.resources[0].outlook is not None
    assert settle({}, young, NOW_MS) == ({}, [])


def test_what_is_near_is_a_warning_and_ends(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """Two hours left after two days of steady growth; a larger disk later, it is said to be over."""
    left = np.linspace(50, 1.2, 2880) * GIB
    disk(metrics, minutes(2880), left)
    held, findings = settle({}, surveyor(metrics).look(NOW_MS), NOW_MS)
    assert [(one.severity, one.entity.ref, one.active) for one in findings] == [("warning", "host:web-1", True)]
    disk(metrics, minutes(2880), np.full(2880, 50 * GIB))
    held, findings = settle(held, surveyor(metrics).look(NOW_MS), NOW_MS)
    assert (held, [one.active for one in findings]) == ({}, [False])


def test_a_second_look_reads_only_what_is_new(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """Both looks give the same points for the time that both saw."""
    metrics.add("queue_length", minutes(WEEK), np.arange(WEEK, dtype=float), service="worker")
    kept = Histories(lambda: metrics, 600_000, 4032, 10)
    kept.read("queue_length", NOW_MS - 3_600_000)
    read, metrics.asked = sum(metrics.asked), []
    (later,) = kept.read("queue_length", NOW_MS).values()
    assert sum(metrics.asked) < read / 50
    (fresh,) = Histories(lambda: metrics, 600_000, 4032, 10).read("queue_length", NOW_MS).values()
    np.testing.assert_array_equal(later.values, fresh.values)


def test_pieces_stay_small(metrics: Any) -> None:
    """However much there is, no question asks for many more samples than one piece should have."""
    for replica in range(20):
        times = NOW_MS - 1000 * np.arange(86_400, 0, -1)
        metrics.add("queue_length", times, np.ones(times.size), service="worker", replica=str(replica))
    Histories(lambda: metrics, 600_000, 4032, 50).read("queue_length", NOW_MS)
    assert sum(metrics.asked) >= 20 * 86_400
    assert max(metrics.asked) < 1_500_000


def test_what_is_beyond_the_cap_is_counted(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """Who is followed stays followed, and the rest is a number in the answer."""
    for replica in range(8):
        metrics.add("queue_length", minutes(600), np.ones(600), service="worker", replica=str(replica))
    found = surveyor(metrics, max_series=5).look(NOW_MS)
    assert len(found.others) == 5
    assert found.left_out == (("queue_length", 3),)


def traffic(metrics: Any, times: np.ndarray) -> None:
    """A day with a peak at 100 requests a second on two replicas, 5 ms of CPU each."""
    rate = 60 + 40 * np.sin(np.arange(times.size) * 2 * np.pi / 1440)
    for replica in ("0", "1"):
        labels = {"service": "orders", "replica": replica}
        metrics.add("http_requests_total", times, np.cumsum(30 * rate), code="200", **labels)
        metrics.add("process_cpu_seconds_total", times, np.cumsum(0.15 * rate + 0.6), **labels)


def test_traffic_and_its_cost_are_learnt(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """The daily wave is found, and a request costs what it costs, whatever the idle process costs."""
    traffic(metrics, minutes(WEEK))
    (demand,) = surveyor(metrics).look(NOW_MS).demands
    assert (demand.service, demand.replicas) == ("orders", 2)
    assert demand.cpu_per_request == pytest.approx(0.005, rel=0.05)
    assert demand.forecast.outlook is not None
    assert demand.forecast.outlook.test.method == Method(144)


def test_half_as_much_traffic_again_needs_more_replicas(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """150 a second at 40 a replica and 70 % make 6; a lost node leaves none of two where one node was."""
    traffic(metrics, minutes(WEEK))
    settings = CapacitySettings(services={"orders": ServiceCapacity(max_rps_per_replica=40)})
    survey = Surveyor.of(settings, lambda: metrics).look(NOW_MS)
    (need,) = planning.what_if(survey, settings, wire.WhatIf(traffic_factor=1.5)).services
    assert (need.replicas, need.needed, need.short) == (2, 6, 4)
    with pytest.raises(Conflict, match="nothing runs"):
        planning.what_if(survey, settings, wire.WhatIf(nodes_lost=1))


def test_twice_the_traffic_fills_a_disk_twice_as_fast(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """What accumulates does so faster."""
    hours = np.arange(WEEK) / 60
    disk(metrics, minutes(WEEK), (60 + (hours[-1] - hours) * 0.2) * GIB)
    survey = surveyor(metrics).look(NOW_MS)
    (changed,) = planning.what_if(survey, CapacitySettings(), wire.WhatIf(traffic_factor=2)).resources
    assert changed.before is not None
    assert changed.after is not None
    before, after = changed.before.expected_ms, changed.after.expected_ms
    assert before is not None
    assert after is not None
    assert (after - NOW_MS) == pytest.approx((before - NOW_MS) / 2, rel=0.02)


def test_a_plan_follows_the_day_and_gives_an_autoscaler(metrics: Any, minutes: Callable[[int], np.ndarray]) -> None:
    """24 hours, more replicas at the peak, and a manifest that Kubernetes's own schema has the fields of."""
    traffic(metrics, minutes(WEEK))
    settings = CapacitySettings(services={"orders": ServiceCapacity(max_rps_per_replica=20, max_replicas=9)})
    (demand,) = Surveyor.of(settings, lambda: metrics).look(NOW_MS).demands
    plan = planning.replica_plan(demand, settings)
    wanted = [step.replicas for step in plan.steps]
    assert len(wanted) == 24
    assert (min(wanted), max(wanted)) == (2, 8)
    manifest = yaml.safe_load(plan.hpa)
    assert (manifest["apiVersion"], manifest["kind"]) == ("autoscaling/v2", "HorizontalPodAutoscaler")
    assert (manifest["spec"]["minReplicas"], manifest["spec"]["maxReplicas"]) == (2, 9)
    assert {metric["type"] for metric in manifest["spec"]["metrics"]} == {"Resource", "Pods"}
