"""The feed hands a reader what came in since its last look, once, under names that it can resolve."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from steersman.model.labels import METRIC_NAME, decode_labels
from steersman.model.rounds import Telemetry
from steersman.runtime.telemetry import feed


def names_of(taken: Telemetry, known: dict[int, str]) -> list[tuple[str, float]]:
    for new in taken.new_series:
        known.update({new.first + at: dict(decode_labels(key))[METRIC_NAME] for at, key in enumerate(new.keys)})
    return [
        (known[number], value)
        for columns in taken.samples
        for number, value in zip(columns.series.tolist(), columns.values.tolist(), strict=True)
    ]


def test_a_reader_gets_what_came_since_its_last_look(begin: Any) -> None:
    """Samples come once, with the labels of series that the reader has not met; log lines come as they are."""

    async def live() -> None:
        async with begin() as life:
            store = life.store
            await life.samples([("before", 0, 1.0)])
            store.feed.attach()
            known: dict[int, str] = {}
            await life.samples([("a", 10, 1.0), ("b", 10, 2.0)])
            await life.lines("hello")
            first = store.feed.take(store.live)
            assert names_of(first, known) == [("a", 1.0), ("b", 2.0)]
            assert [rows.body for rows in first.logs] == [["hello"]]
            await life.samples([("a", 5, 3.0)])
            assert names_of(store.feed.take(store.live), known) == [("a", 3.0)]
            assert store.feed.take(store.live) == Telemetry()

    asyncio.run(live())


def test_a_reader_that_falls_behind_is_told_what_it_lost(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The intake goes on, and the loss is counted."""
    monkeypatch.setattr(feed, "_MOST_SAMPLES", 2)

    async def live() -> None:
        async with begin() as life:
            life.store.feed.attach()
            await life.samples([("a", 10, 1.0), ("b", 10, 2.0)])
            await life.samples([("a", 5, 3.0)])
            assert life.store.feed.lost == 1
            assert len(life.store.feed.take(life.store.live).samples) == 1

    asyncio.run(live())


def test_samples_under_old_numbers_are_dropped(begin: Any) -> None:
    """When the series are numbered anew, the reader learns all of them again and nothing under a wrong name."""

    async def live() -> None:
        async with begin() as life:
            store = life.store
            store.feed.attach()
            await life.samples([("a", 10, 1.0)])
            store.live.epoch += 1
            await life.samples([("a", 5, 2.0)])
            assert names_of(store.feed.take(store.live), {}) == [("a", 2.0)]
            assert store.feed.lost == 1

    asyncio.run(live())
