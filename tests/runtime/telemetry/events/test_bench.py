from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count

from steersman.engine.logs.query import parse
from steersman.runtime.telemetry.events import bench
from steersman.runtime.telemetry.events.store import EventStore


def test_the_figures_are_those_of_the_lines_that_were_taken_in(make_store: Callable[..., EventStore]) -> None:
    store = make_store()
    ticks = count()
    clocks = bench.Clocks(monotonic=lambda: next(ticks) * 0.5, cpu=lambda: 0.0, memory=lambda: 3_000_000)
    taken = bench.ingest(store, 3_000, clocks)
    found = bench.search(store, {text: parse(text) for text in bench.QUERIES}, clocks, rounds=1)
    assert taken["lines"] == sum(block.rows for block in store.blocks) == 3_000
    assert (found["p95_ms"], found["memory_mb"]) == (500.0, 3.0)
    assert found["queries"]["timeout"]["rows"] > 0
    assert found["queries"]["nosuchword"]["rows"] == 0
    json.dumps([taken, found])
