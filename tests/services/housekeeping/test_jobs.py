"""What the loop is told about folders that fill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from steersman.services.housekeeping.jobs import measure_all, watch
from steersman.services.housekeeping.manifest import SERVICE


def test_a_folder_that_fills_is_found_once_and_ends(keep: Callable[..., Any]) -> None:
    """With its rate and the time until it is full; the same key until it has recovered."""
    kept = keep()
    for used in (100, 500, 900, 960, 830, 700):
        kept.put("a.log", b"x" * used)
        measure_all(kept.context, kept.observer)
        kept.clock.tick(10)
    told = [(finding.severity, finding.value, finding.active) for finding in kept.observer.findings]
    assert told == [("warning", 0.9, True), ("critical", 0.96, True), ("warning", 0.83, True), ("warning", 0.7, False)]
    first = kept.observer.findings[0]
    assert {finding.key for finding in kept.observer.findings} == {first.key}
    assert {finding.started_ms for finding in kept.observer.findings} == {first.started_ms}
    assert (first.entity.ref, "full in 2 s" in first.reason) == ("service:orders", True)


def test_the_figures_are_measured_and_forgotten_when_the_folder_goes(keep: Callable[..., Any]) -> None:
    """A folder that cannot be looked at has no figures instead of old ones."""
    kept = keep()
    kept.put("a.log", b"x" * 250)
    measure_all(kept.context, None)
    values = {m.signal: (m.value, m.labels) for m in SERVICE.measure(kept.context)}
    labels = (str(kept.path), "orders")
    assert values == {
        "steersman_housekeeping_used_bytes": (250.0, labels),
        "steersman_housekeeping_quota_bytes": (1000.0, labels),
    }
    (kept.path / "a.log").unlink()
    kept.path.rmdir()
    measure_all(kept.context, None)
    assert list(SERVICE.measure(kept.context)) == []


def test_owners_are_declared_once_with_what_is_expendable(keep: Callable[..., Any]) -> None:
    """The label is there only where the owner said so for the whole of it."""
    kept = keep(allow=["delete"], delete_after_seconds=1, self_healing=True)

    async def some_seconds() -> None:
        async with asyncio.TaskGroup() as group:
            job = group.create_task(watch(kept.context))
            for _ in range(3):
                await asyncio.to_thread(lambda: None)
                await kept.clock.advance(300)
            job.cancel()

    asyncio.run(some_seconds())
    (entity,) = kept.observer.entities
    assert (entity.ref, entity.label("expendable"), entity.label("disk_policy")) == ("service:orders", "true", "true")


def test_with_nothing_declared_there_is_nothing_to_watch(keep: Callable[..., Any]) -> None:
    """The job ends by itself."""
    kept = keep()
    kept.context.state.looking.settings.__dict__["paths"] = ()
    asyncio.run(asyncio.wait_for(watch(kept.context), 10))
