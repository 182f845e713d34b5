"""Many findings at once. The counts are what is tested; the times are printed for a person and decide nothing."""

from __future__ import annotations

import time
from typing import Any

from steersman.engine.loop import step
from steersman.model.findings import Aspect, FindingSource
from steersman.model.rounds import Abstained, IncidentChanged, Round


def test_a_thousand_alerts_in_a_second_are_a_thousand_decisions(playbook: Any, seen: Any) -> None:
    """Each alert about another thing becomes an incident, and each incident ends in a recorded decision."""
    alerts = [
        seen(f"container:c{number}", Aspect.OTHER, source=FindingSource.ALERT, reason="KubePodNotReady")
        for number in range(1000)
    ]
    book = playbook()
    began = time.perf_counter()
    book.play(*alerts)
    took = time.perf_counter() - began
    book.run(5)
    opened = {one.incident.id for one in book.all(IncidentChanged)}
    assert len(opened) == 1000
    assert {one.incident for one in book.all(Abstained) if one.kind == "escalate"} == opened
    print(f"1,000 alerts took {took:.3f} s")


def test_a_quiet_round_costs_next_to_nothing(playbook: Any, seen: Any) -> None:
    """Findings that are only confirmed open nothing, ask nothing and say nothing."""
    many = [seen(f"container:c{number}", Aspect.MEMORY) for number in range(1000)]
    book = playbook()
    book.play(*many)
    book.run(40)
    told = len(book.told)
    began = time.perf_counter()
    book.play(*many)
    loud = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(10):
        book.play()
    quiet = (time.perf_counter() - began) / 10
    print(f"1,000 confirmed findings took {loud:.4f} s, a quiet round {quiet:.5f} s")
    assert len(book.told) == told
    calm = playbook()
    calm.run(2)
    state, commands = step(calm.state, Round(now_ms=calm.state.now_ms + 1000, seed=9), ())
    assert (commands, state.cases) == ((), {})
