from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from steersman.engine.logs.tokens import tokenize
from steersman.model.errors import InvalidInput
from steersman.model.search import And, Compare, Everything, Field, Regex, ServiceEdge, ServiceNode, Word
from steersman.model.telemetry import ExemplarColumns, LogColumns, SpanColumns
from steersman.runtime.telemetry.disk import Buffer, LocalDisk
from steersman.runtime.telemetry.events.block import DamagedBlock, EventBlock
from steersman.runtime.telemetry.events.schema import EXEMPLARS, LOGS, SPANS
from steersman.runtime.telemetry.events.store import EventStore

MakeStore = Callable[..., EventStore]
ALL = (-(2**63), 2**63 - 1)


def logs(*bodies: str, start: int = 0, trace: str = "") -> LogColumns:
    count = len(bodies)
    return LogColumns(
        [start + at for at in range(count)],
        [9] * count,
        ["web"] * count,
        list(bodies),
        ['{"host":"h1"}'] * count,
        [trace] * count,
        [""] * count,
    )


def seal(store: EventStore) -> EventBlock:
    frozen = store.freeze()
    assert frozen is not None
    block = store.write(frozen)
    store.commit(frozen, block)
    return block


def bodies(store: EventStore, word: str) -> list[str]:
    return [row["body"] for row in store.search("default", Word(word), *ALL).rows]


def test_a_row_is_found_in_the_tail_while_frozen_and_in_a_block(make_store: MakeStore) -> None:
    store = make_store()
    store.append("default", logs("disk full"), 1)
    assert bodies(store, "disk") == ["disk full"]
    frozen = store.freeze()
    assert frozen is not None
    assert bodies(store, "disk") == ["disk full"]
    store.commit(frozen, store.write(frozen))
    assert bodies(store, "disk") == ["disk full"]
    assert store.freeze() is None


def test_a_block_of_an_earlier_life_is_searched_after_load(make_store: MakeStore) -> None:
    store = make_store()
    store.append("default", logs("disk full"), 1)
    block = EventBlock.from_json(json.loads(json.dumps(seal(store).to_json())))
    again = make_store()
    again.load([block])
    assert bodies(again, "full") == ["disk full"]
    again.drop([block.name])
    assert bodies(again, "full") == []


def test_one_tenant_never_sees_the_rows_of_another(make_store: MakeStore) -> None:
    store = make_store()
    store.append("other", logs("disk full"), 1)
    assert bodies(store, "disk") == []
    seal(store)
    assert bodies(store, "disk") == []
    assert store.search("other", Word("disk"), *ALL).rows


class FullDisk(LocalDisk):
    """A disk without room for the second file of a block."""

    def write_file(self, path: Path, buffers: Sequence[Buffer]) -> None:
        if path.suffix == ".index":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        super().write_file(path, buffers)


def test_rows_that_could_not_be_written_come_first_in_the_next_block(tmp_path: Path) -> None:
    store = EventStore(LOGS, tmp_path, FullDisk(), tokenize, lambda: 0.0)
    store.append("default", logs("first"), 1)
    frozen = store.freeze()
    assert frozen is not None
    store.append("default", logs("second", start=1), 2)
    with pytest.raises(OSError, match="No space"):
        store.write(frozen)
    store.abandon(frozen)
    assert bodies(store, "first") == ["first"]
    again = store.freeze()
    assert again is not None
    assert (again.rows, again.first_seq, again.last_seq, store.tail_rows) == (2, 1, 2, 0)
    assert again.table().column("body").to_pylist() == ["first", "second"]


def test_a_missing_or_torn_index_costs_time_and_never_an_answer(make_store: MakeStore) -> None:
    store = make_store()
    store.append("default", logs("disk full", "all well"), 1)
    block = seal(store)
    path = store.folder / block.files[1]
    whole = path.read_bytes()
    for damage in (None, b"", whole[:100], whole[:-9], whole[:-1] + b"x", bytes(len(whole))):
        path.unlink(missing_ok=True)
        if damage is not None:
            path.write_bytes(damage)
        fresh = make_store()
        fresh.load([block])
        assert bodies(fresh, "disk") == ["disk full"]
        assert fresh.damaged == (block,)
        assert fresh.verify(block)
        fresh.mend(block)
        assert (fresh.damaged, fresh.verify(block), path.read_bytes()) == ((), [], whole)
        assert bodies(fresh, "disk") == ["disk full"]


def test_damaged_rows_are_an_error_that_names_the_file(make_store: MakeStore) -> None:
    store = make_store()
    store.append("default", logs(*(f"line {number}" for number in range(100))), 1)
    block = seal(store)
    path = store.folder / block.files[0]
    whole = path.read_bytes()
    for damaged in (b"", whole[:50], whole[:-4] + b"XXXX", whole[:4] + bytes(400) + whole[404:]):
        path.write_bytes(damaged)
        with pytest.raises(DamagedBlock, match=path.name):
            bodies(store, "line")
        assert path.name in store.verify(block)[0]


def test_a_file_that_is_gone_is_an_error_that_names_it(make_store: MakeStore) -> None:
    store = make_store()
    store.append("default", logs("disk full"), 1)
    block = seal(store)
    (store.folder / block.files[0]).unlink()
    with pytest.raises(DamagedBlock, match=block.name):
        bodies(store, "disk")


def test_verify_names_what_the_manifest_and_the_rows_disagree_on(make_store: MakeStore) -> None:
    store = make_store()
    store.append("default", logs("disk full"), 1)
    block = seal(store)
    assert store.verify(block) == []
    other = EventBlock.from_json({**block.to_json(), "rows": 2, "max_ns": 5, "crc": 1})
    assert len(store.verify(other)) == 3


def test_a_search_out_of_time_says_that_it_is_not_complete(make_store: MakeStore) -> None:
    ticks = iter(range(1000))
    store = make_store(monotonic=lambda: float(next(ticks)))
    for number in range(20):
        store.append("default", logs("disk", start=number * 10), number)
        seal(store)
    result = store.search("default", Word("disk"), *ALL, 100, seconds=8.0)
    assert not result.complete
    assert 0 < len(result.rows) < 20
    assert result.rows[0]["time_ns"] == 190


def test_a_search_stops_at_its_limit_without_opening_older_blocks(make_store: MakeStore) -> None:
    store = make_store()
    for number in range(3):
        store.append("default", logs("disk", start=number * 10), number)
        block = seal(store)
        if number < 2:
            (store.folder / block.files[0]).unlink()
    assert [row["time_ns"] for row in store.search("default", Word("disk"), *ALL, 1).rows] == [20]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (Regex("(", 3), "at character 3"),
        (Field("severity", Compare.EQUAL, "loud", position=5), "at character 5: .* a number or unknown, trace, .*loud"),
        (Field("service", Compare.ABOVE, "web", position=1), "no order"),
        (Field("host", Compare.ABOVE, "x", position=1), "with a number"),
        (And((Word("a"), Field("severity", Compare.EQUAL, "1*", wild=True, position=1))), "takes no"),
    ],
)
def test_a_question_that_no_row_can_be_asked_is_refused(make_store: MakeStore, query: object, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        make_store().search("default", query, *ALL)


def test_half_of_a_surrogate_pair_does_not_stop_the_rows_beside_it(make_store: MakeStore) -> None:
    store = make_store()
    store.append("default", logs("bad \ud800 sign", "good sign"), 1)
    seal(store)
    assert len(bodies(store, "sign")) == 2


def test_an_escaped_value_is_found_by_what_it_spells(make_store: MakeStore) -> None:
    store = make_store()
    columns = logs("a", "b", "c")
    columns.attributes = ['{"city":"\\u5317\\u4eac"}', '{"city":"a\\\\u0062"}', '{"city":"\\ud83d\\ude42 x"}']
    store.append("default", columns, 1)
    seal(store)
    for value, body in (("北京", "a"), ("a\\u0062", "b"), ("🙂 x", "c")):
        found = store.search("default", Field("city", Compare.EQUAL, value), *ALL).rows
        assert [row["body"] for row in found] == [body]


def test_readers_see_every_row_once_while_rows_come_in_and_blocks_are_made(make_store: MakeStore) -> None:
    store = make_store()
    done = threading.Event()
    problems: list[list[int]] = []

    def read() -> None:
        while not done.is_set():
            times = [row["time_ns"] for row in store.search("default", Everything(), *ALL, 10_000).rows][::-1]
            if times != list(range(len(times))):
                problems.append(times)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(60):
            store.append("default", logs("x", start=number), number)
            if number % 7 == 6:
                seal(store)
            if number % 20 == 19:
                frozen = store.freeze()
                assert frozen is not None
                store.abandon(frozen)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert problems == []
    assert len(store.search("default", Everything(), *ALL).rows) == 60


def spans(rows: Sequence[tuple[str, str, str, int, int]]) -> SpanColumns:
    """Rows are (span, parent, service, status, duration in ms), all of one trace."""
    count = len(rows)
    return SpanColumns(
        list(range(count)),
        [row[4] * 10**6 for row in rows],
        ["t1"] * count,
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [f"GET /{row[2]}" for row in rows],
        [2] * count,
        [row[3] for row in rows],
        [""] * count,
        ["{}"] * count,
        ['{"host.name":"h1"}'] * count,
        ["[]"] * count,
        ["[]"] * count,
    )


CALLS = [
    ("a", "", "shop", 0, 90),
    ("b", "a", "shop", 0, 80),
    ("c", "b", "db", 0, 10),
    ("d", "b", "db", 2, 700),
    ("e", "x", "db", 0, 5),
]


@pytest.mark.parametrize("written", [False, True])
def test_the_service_map_counts_calls_between_services(make_store: MakeStore, *, written: bool) -> None:
    store = make_store(SPANS)
    store.append("default", spans(CALLS), 1)
    if written:
        seal(store)
    found = store.service_map("default", *ALL)
    assert found.nodes == (
        ServiceNode("db", 3, 1, 10_000_000, 700_000_000),
        ServiceNode("shop", 2, 0, 80_000_000, 90_000_000),
    )
    assert found.edges == (ServiceEdge("shop", "db", 2, 1, 700_000_000),)
    assert store.service_map("default", 100, 200).nodes == ()


@pytest.mark.parametrize("written", [False, True])
def test_spans_are_found_by_duration_status_name_and_resource(make_store: MakeStore, *, written: bool) -> None:
    store = make_store(SPANS)
    store.append("default", spans(CALLS), 1)
    if written:
        seal(store)

    def ids(*parts: Field | Word) -> list[str]:
        return [row["span_id"] for row in store.search("default", And(parts), *ALL, newest_first=False).rows]

    assert ids(Field("duration", Compare.ABOVE, "90ms")) == ["d"]
    assert ids(Field("duration", Compare.AT_LEAST, "0.09s")) == ["a", "d"]
    assert ids(Field("status", Compare.EQUAL, "error")) == ["d"]
    assert ids(Field("kind", Compare.EQUAL, "server"), Word("shop")) == ["a", "b"]
    assert ids(Field("host.name", Compare.EQUAL, "h1"), Field("name", Compare.EQUAL, "get /db")) == ["c", "d", "e"]
    with pytest.raises(InvalidInput, match="500ms"):
        ids(Field("duration", Compare.ABOVE, "90"))


def test_a_trace_is_its_spans_in_order_of_time(make_store: MakeStore) -> None:
    store = make_store(SPANS)
    store.append("default", spans(CALLS[:3]), 1)
    seal(store)
    store.append("default", spans(CALLS[3:]), 2)
    result = store.trace("default", "T1")
    assert sorted(row["span_id"] for row in result.rows) == ["a", "b", "c", "d", "e"]
    assert result.rows[0]["resource"] == {"host.name": "h1"}
    assert store.trace("default", "t2").rows == []


def test_exemplars_keep_their_series_and_are_found_by_their_labels(make_store: MakeStore) -> None:
    store = make_store(EXEMPLARS)
    store.append("default", ExemplarColumns([b"\x0a\xff", b"k"], [5, 6], [0.5, 1.5], ['{"trace_id":"abc"}', "{}"]), 1)
    block = seal(store)
    assert (block.min_ns, block.max_ns) == (5_000_000, 6_000_000)
    (row,) = store.search("default", Field("trace_id", Compare.EQUAL, "abc"), *ALL).rows
    assert row == {"key": b"\x0a\xff", "time_ms": 5, "value": 0.5, "labels": {"trace_id": "abc"}}
    assert store.verify(block) == []
