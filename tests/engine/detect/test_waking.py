"""After the process was away, nobody is called silent before they were heard again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from steersman.engine.detect.senses import Senses
from steersman.model.findings import Aspect, Finding
from steersman.model.labels import canonical, encode_labels
from steersman.model.rounds import NewSeries, Round, SampleColumns, Telemetry

BEGIN_MS = 1_767_225_600_000
KEYS = tuple(
    encode_labels(canonical({"__name__": "up", "service": name, "instance": "0", "job": name})) for name in "ab"
)


def heard(second: int, values: dict[int, float]) -> Round:
    now_ms = BEGIN_MS + second * 1000
    columns = SampleColumns(
        np.array(list(values), np.int32), np.full(len(values), now_ms, np.int64), np.array(list(values.values()))
    )
    new = (NewSeries(0, KEYS),) if second in {0, 400} else ()
    return Round(now_ms=now_ms, seed=0, telemetry=Telemetry(new_series=new, samples=(columns,) if values else ()))


def found(senses: Senses, rounds: Iterable[Round]) -> list[Finding]:
    return [finding for one in rounds for finding in senses.fold(one)[0]]


def an_hour_with_both() -> Senses:
    senses = Senses()
    assert found(senses, (heard(second, {0: 1.0, 1: 1.0}) for second in range(60))) == []
    return senses


def test_the_first_rounds_of_a_new_life_find_nobody_missing() -> None:
    """What was not there to be heard is not silence."""
    again = Senses.restore(an_hour_with_both().export())
    again.wake()
    assert found(again, (heard(second, {}) for second in range(400, 410))) == []


def test_a_target_that_starts_with_the_platform_may_take_its_time() -> None:
    """Refused scrapes before a target has answered once are its start and no outage."""
    again = Senses.restore(an_hour_with_both().export())
    again.wake()
    starting = [heard(second, {0: 1.0, 1: 0.0}) for second in range(400, 405)]
    running = [heard(second, {0: 1.0, 1: 1.0}) for second in range(405, 440)]
    assert found(again, [*starting, *running]) == []


def test_a_target_that_answered_and_falls_silent_is_an_outage_again() -> None:
    """The patience is for the beginning only."""
    again = Senses.restore(an_hour_with_both().export())
    again.wake()
    found(again, (heard(second, {0: 1.0, 1: 1.0}) for second in range(400, 430)))
    outage = found(again, (heard(second, {0: 1.0, 1: 0.0}) for second in range(430, 434)))
    assert {finding.entity.id for finding in outage if finding.aspect is Aspect.AVAILABILITY} >= {"b"}


DAY = 86_400
CACHE = tuple(
    encode_labels(canonical({"__name__": name, "service": "cache", "instance": "0", "job": "cache"}))
    for name in ("cache_hits_total", "cache_misses_total")
)


def read(second: int, now: int, totals: list[float], share: float, step: int) -> Round:
    """Count a hundred reads a second, of which a share is answered by the cache."""
    totals[0] += 100 * step * share
    totals[1] += 100 * step * (1 - share)
    at = BEGIN_MS + second * 1000
    columns = SampleColumns(np.array([0, 1], np.int32), np.full(2, at, np.int64), np.array(totals))
    new = (NewSeries(0, CACHE),) if second == 0 else ()
    return Round(now_ms=BEGIN_MS + now * 1000, seed=0, telemetry=Telemetry(new_series=new, samples=(columns,)))


def test_a_cold_start_does_not_blur_what_days_have_shown() -> None:
    """A cache fills up after a restart, and when it then falls empty that is seen within seconds."""
    senses, totals, end = Senses(), [0.0, 0.0], 3 * DAY
    for second in range(0, end, 60):
        senses.fold(read(second, end, totals, 0.95 + 0.01 * (second // 60 % 3), 60))
    senses.wake()
    shares = [0.2] * 8 + [0.95] * 12 + [0.1] * 8
    told = [
        finding
        for second, share in enumerate(shares, start=end + 1)
        for finding in senses.fold(read(second, second, totals, share, 1))[0]
    ]
    assert [finding.aspect for finding in told] == [Aspect.CACHE]
    assert told[0].started_ms >= BEGIN_MS + (end + 20) * 1000
