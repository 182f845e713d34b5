"""Recommendations from knobs and from what stands idle, and that an answer holds for a while."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steersman.model.labels import canonical, encode_labels
from steersman.runtime.telemetry.query import Selection
from steersman.services.optimizer.logic.recommend import Idle, KnobFacts, merged, of_idle, of_knob
from steersman.services.optimizer.model.wire import RecommendationState
from steersman.services.optimizer.store.idle import idle_services

HOUR = 3_600_000
NOW_MS = 1_767_225_600_000
KNOB = KnobFacts("shop", "workers", "How many work.", 8, 1, 16, 4, 5, "shop_latency_seconds", 0.1)
IDLE = Idle("orders", replicas=4, days=7, peak_cores=0.1, peak_bytes=100 * 2**20, limit_bytes=2**30)


class Metrics:
    """Answers `latest` and `keys` for one CPU counter and one memory gauge of two replicas."""

    def keys(self, _tenant: object, matchers: list, _start: int, _end: int) -> list[bytes]:
        return self.latest(_tenant, matchers, NOW_MS, 0).keys

    def latest(self, _tenant: object, matchers: list, at: int, _lookback: int) -> Selection:
        metric = matchers[0].value
        values = {
            "process_cpu_seconds_total": [0.05 * at / 1000, 0.15 * at / 1000],
            "process_resident_memory_bytes": [5e7, 9e7],
        }.get(metric, [])
        keys = [
            encode_labels(canonical({"__name__": metric, "service": "orders", "replica": str(number)}))
            for number in range(len(values))
        ]
        return Selection(keys, np.arange(len(keys) + 1), np.full(len(keys), at), np.array(values))


def test_an_idle_service_is_seen_hour_by_hour() -> None:
    """The busiest replica counts, and so does the largest."""
    (found,) = idle_services(Metrics(), NOW_MS)  # type: ignore[arg-type]
    assert (found.service, found.replicas, found.days, found.limit_bytes) == ("orders", 2, 7, None)
    assert round(found.peak_cores or 0, 6) == 0.15
    assert found.peak_bytes == 9e7


def test_idle_replicas_and_memory_are_recommended_away_with_figures() -> None:
    """One replica at a time, and memory by hand; both say what was seen."""
    fewer, memory = of_idle(IDLE, 0.2)
    assert (fewer.target, fewer.risk, memory.risk) == (3, "reversible", "by_hand")
    assert "0.10 cores at most in 7.0 days" in fewer.evidence[0]
    assert memory.target == 150 * 2**20


def test_a_few_hours_say_nothing() -> None:
    assert of_idle(Idle("orders", 4, 0.5, 0.01, 1e6, 1e9), 0.2) == []


def test_a_busy_service_keeps_what_it_has() -> None:
    assert of_idle(Idle("orders", 4, 7, 0.6, 9e8, 1e9), 0.2) == []


def test_a_knob_at_its_end_is_tried_the_other_way_and_one_without_a_guard_is_not() -> None:
    up, down = of_knob(KNOB), of_knob(replace(KNOB, value=16))
    assert up is not None
    assert down is not None
    assert (up.direction, up.target, down.direction, down.target) == ("up", 12, "down", 12)
    assert "unknown" in up.expected_gain
    assert of_knob(replace(KNOB, guard_now=None)) is None


def test_a_dismissed_recommendation_stays_away_for_a_while() -> None:
    (first,) = merged([r for r in [of_knob(KNOB)] if r], [], NOW_MS, 30 * 24 * HOUR)
    dismissed = first.model_copy(update={"state": RecommendationState.DISMISSED})
    assert merged([first], [dismissed], NOW_MS + HOUR, 30 * 24 * HOUR) == []
    assert len(merged([first], [dismissed], NOW_MS + 31 * 24 * HOUR, 30 * 24 * HOUR)) == 1
