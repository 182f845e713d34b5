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
