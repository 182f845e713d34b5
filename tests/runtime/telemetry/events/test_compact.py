from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.engine.logs.tokens import tokenize
from steersman.model.search import Everything
from steersman.model.telemetry import LogColumns
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.events.block import EventBlock
from steersman.runtime.telemetry.events.compact import FAN_IN, FULL_BYTES, FULL_ROWS, compact, plan
from steersman.runtime.telemetry.events.schema import LOGS, EventKind
from steersman.runtime.telemetry.events.store import EventStore

MakeStore = Callable[..., EventStore]
DAY = 86_400 * 10**9


def block(seq: int, rows: int, at_ns: int, kind: EventKind = EventKind.LOGS, level: int = 0) -> EventBlock:
    return EventBlock(kind, f"{kind}-{level}-{seq}-{seq}", rows, at_ns, at_ns, seq, seq, level, rows * 60, 0, 0)


blocks = st.lists(
    st.tuples(st.integers(1, FULL_ROWS * 2), st.integers(0, 3 * DAY), st.sampled_from(EventKind)), max_size=60
).map(lambda rows: [block(seq, *row) for seq, row in enumerate(rows)])


@given(blocks, st.integers(0, 3 * DAY))
def test_a_plan_names_each_block_once_and_makes_no_block_too_large(given_blocks: list[EventBlock], now: int) -> None:
    merges = plan(given_blocks, now)
    names = [one.name for merge in merges for one in merge]
    assert len(names) == len(set(names))
    for merge in merges:
        assert len(merge) >= 2
        assert len({(one.kind, one.max_ns // DAY) for one in merge}) == 1
        assert sum(one.rows for one in merge) <= FULL_ROWS
        assert sum(one.bytes for one in merge) <= FULL_BYTES


def merged(of: list[EventBlock]) -> EventBlock:
    return block(
        of[0].first_seq, sum(one.rows for one in of), max(one.max_ns for one in of), of[0].kind, of[0].level + 1
    )


@given(blocks, st.integers(0, 3 * DAY))
def test_following_the_plan_comes_to_an_end(given_blocks: list[EventBlock], now: int) -> None:
    for _ in range(30):
        merges = plan(given_blocks, now)
        if not merges:
            return
        gone = {one.name for merge in merges for one in merge}
        given_blocks = [one for one in given_blocks if one.name not in gone] + [merged(merge) for merge in merges]
    raise AssertionError("the plan never ends")


def test_each_row_is_written_a_few_times_only() -> None:
    """4,096 flushes of 100 rows in one day end in a handful of blocks after at most five writes a row."""
    held: list[EventBlock] = []
    written = 0
    for seq in range(4096):
        held.append(block(seq, 100, seq))
        for merge in plan(held, 0):
            held = [one for one in held if one not in merge] + [merged(merge)]
            written += held[-1].rows
    assert len(held) < FAN_IN * 6
    assert written <= 5 * 409_600


rows = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=2, max_size=5)


def logs(times: list[int], seq: int) -> LogColumns:
    count = len(times)
    bodies = [f"row {seq}-{at}" for at in range(count)]
    return LogColumns(times, [9] * count, ["s"] * count, bodies, ["{}"] * count, [""] * count, [""] * count)


def fill(store: EventStore, batches: list[list[int]]) -> list[str]:
    for seq, times in enumerate(batches):
        store.append("default", logs(times, seq), seq)
        frozen = store.freeze()
        assert frozen is not None
        store.commit(frozen, store.write(frozen))
    return sorted(f"row {seq}-{at}" for seq, times in enumerate(batches) for at in range(len(times)))


@settings(max_examples=30, deadline=None)
@given(rows)
def test_compaction_neither_loses_nor_doubles_a_row(batches: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = EventStore(LOGS, Path(name), LocalDisk(), tokenize, lambda: 0.0)
        expected = fill(store, batches)
        one = compact(store.blocks, Path(name), LocalDisk(), tokenize)
        assert (one.rows, one.level, one.first_seq, one.last_seq) == (len(expected), 1, 0, len(batches) - 1)
        store.swap([old.name for old in store.blocks], [one])
        found = store.search("default", Everything(), 0, 9, 1000).rows
        assert sorted(row["body"] for row in found) == expected
        assert store.verify(one) == []


def test_the_command_prints_the_block_that_it_made(make_store: MakeStore) -> None:
    store = make_store()
    expected = fill(store, [[3, 1], [2]])
    asked = json.dumps([one.to_json() for one in store.blocks])
    command = [sys.executable, "-m", "steersman.runtime.telemetry.events.compact", str(store.folder)]
    done = subprocess.run(
        [*command, "--tokenize", "steersman.engine.logs.tokens:tokenize"],
        input=asked + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    one = EventBlock.from_json(json.loads(done.stdout))
    store.swap([old.name for old in store.blocks], [one])
    assert sorted(row["body"] for row in store.search("default", Everything(), 0, 9).rows) == expected
