"""Walks the rows of a snapshot in order of time, newest or oldest first, and stops as soon as the answer is known.

A source is a table in memory or one row group of a block. A block is opened only when its turn comes, so a
question whose answer lies in the last minute never touches yesterday's files.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from steersman.model.search import Query, SearchResult
from steersman.runtime.telemetry.events.block import DamagedBlock, EventBlock, open_rows
from steersman.runtime.telemetry.events.index import DamagedIndex, Index
from steersman.runtime.telemetry.events.match import check, columns_read, matches
from steersman.runtime.telemetry.events.prune import Pruner
from steersman.runtime.telemetry.events.schema import TENANT, Schema, Tokenize

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy import bool_, int64
    from numpy.typing import NDArray

    from steersman.runtime.telemetry.events.tail import Batch

#: Seconds after which a search that was given no other limit answers with what it has.
DEFAULT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for. Times are inclusive nanoseconds; `columns` limits what an answer holds."""

    tenant: str
    query: Query
    start_ns: int
    end_ns: int
    limit: int
    newest_first: bool = True
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows that exist at one moment: those in memory and those in blocks."""

    batches: tuple[Batch, ...]
    blocks: tuple[EventBlock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Where rows are and how they are read. `trusted(block)` says whether its index may be used."""

    schema: Schema
    folder: Path
    tokenize: Tokenize
    trusted: Callable[[EventBlock], bool]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are looked at together, in order of time or not. `wanted` leaves out rows that cannot match."""

    min_ns: int
    max_ns: int
    read: Callable[[list[str]], pa.Table]
    wanted: NDArray[bool_] | None = None


def _of_batch(schema: Schema, batch: Batch) -> Group:
    table = batch.table()
    times = table.column(schema.time).to_numpy() * schema.unit_ns
    return Group(int(times.min()), int(times.max()), table.select)


def _stored_bounds(schema: Schema, rows: pq.ParquetFile) -> tuple[NDArray[int64], NDArray[int64]]:
    """Return bounds and starts of the row groups as the Parquet footer has them, for want of an index."""
    meta = rows.metadata
    at = rows.schema_arrow.get_field_index(schema.time)
    groups = [meta.row_group(number) for number in range(meta.num_row_groups)]
    stats = [group.column(at).statistics for group in groups]
    bounds = np.array([(stat.min, stat.max) for stat in stats if stat], np.int64).reshape(-1, 2) * schema.unit_ns
    return bounds, np.cumsum([0, *(group.num_rows for group in groups)], dtype=np.int64)


def _reading(rows: pq.ParquetFile, number: int, path: Path) -> Callable[[list[str]], pa.Table]:
    def read(columns: list[str]) -> pa.Table:
        import pyarrow as pa

        try:
            return rows.read_row_group(number, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise DamagedBlock(f"the block file {path} is damaged: {error}") from error

    return read


class _Walk:
    """One pass over a snapshot."""

    def __init__(self, reader: Reader, question: Question, files: ExitStack) -> None:
        self._reader = reader
        self._question = question
        self._files = files

    def groups_of(self, block: EventBlock) -> Iterator[Group]:
        """Yield the row groups of a block that may hold an answer."""
        schema, asked = self._reader.schema, self._question
        found = self._look_up(block)
        if found is not None and not found[2].any():
            return
        path = self._reader.folder / block.files[0]
        rows = self._files.enter_context(open_rows(schema, path))
        bounds, starts, wanted = (*_stored_bounds(schema, rows), None) if found is None else found
        for number, (low, high) in enumerate(bounds.tolist()):
            if high < asked.start_ns or low > asked.end_ns:
                continue
            part = None if wanted is None else wanted[starts[number] : starts[number + 1]]
            if part is None or part.any():
                yield Group(low, high, _reading(rows, number, path), part)

    def _look_up(self, block: EventBlock) -> tuple[NDArray[int64], NDArray[int64], NDArray[bool_]] | None:
        reader = self._reader
        if not reader.trusted(block):
            return None
        try:
            with Index(reader.folder / block.files[1]) as index:
                wanted = Pruner(index, reader.schema, reader.tokenize).rows(self._question.tenant, self._question.query)
                return index.bounds, index.starts, wanted
        except DamagedIndex:
            return None

    def hits(self, group: Group) -> pa.Table:
        """Return the matching rows of a group with the columns of the answer."""
        schema, asked = self._reader.schema, self._question
        first = sorted(columns_read(asked.query, schema) | {TENANT, schema.time})
        table = group.read(first)
        at = np.arange(table.num_rows) if group.wanted is None else np.flatnonzero(group.wanted)
        times = table.column(schema.time).to_numpy()[at] * schema.unit_ns
        at = at[(times >= asked.start_ns) & (times <= asked.end_ns)]
        if len(at) < table.num_rows:
            table = table.take(at)
        own = _of_tenant(table, asked.tenant)
        if not own.all():
            at, table = at[own], table.filter(own)
        at = at[matches(asked.query, table, schema)]
        if not len(at):
            return table.slice(0, 0)
        answer = list(asked.columns or schema.columns)
        return group.read([schema.time, *answer] if schema.time not in answer else answer).take(at)


def _of_tenant(table: pa.Table, tenant: str) -> NDArray[bool_]:
    import pyarrow.compute as pc

    mask: NDArray[bool_] = pc.equal(table.column(TENANT), tenant).to_numpy()
    return mask


@dataclass(slots=True)
class _Best:
    """The rows found so far: at most `limit`, the best by time."""

    schema: Schema
    question: Question
    tables: list[pa.Table] = field(default_factory=list)
    times: NDArray[int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, table: pa.Table) -> None:
        found = table.column(self.schema.time).to_numpy() * self.schema.unit_ns
        order = self._order(found)[: self.question.limit]
        self.tables.append(table.take(order))
        merged = np.concatenate([self.times, found[order]])
        self.times = merged[self._order(merged)[: self.question.limit]]

    def _order(self, times: NDArray[int64]) -> NDArray[int64]:
        return np.argsort(-times if self.question.newest_first else times, kind="stable")

    def settled(self, bound_ns: int) -> bool:
        """Whether rows that lie beyond `bound_ns` could not change the answer."""
        if len(self.times) < self.question.limit:
            return False
        last = int(self.times[-1])
        return last >= bound_ns if self.question.newest_first else last <= bound_ns

    def table(self) -> pa.Table | None:
        import pyarrow as pa

        if not self.tables:
            return None
        merged = pa.concat_tables([_plain(self.schema, table) for table in self.tables])
        found = merged.column(self.schema.time).to_numpy()
        return merged.take(self._order(found)[: self.question.limit])


def _plain(schema: Schema, table: pa.Table) -> pa.Table:
    """Return the table without dictionaries."""
    import pyarrow as pa

    arrow = schema.arrow()
    return table.cast(pa.schema([arrow.field(name) for name in table.column_names]))


def find(  # noqa: C901 -- the one loop of a search
    reader: Reader, snapshot: Snapshot, question: Question, out_of_time: Callable[[], bool]
) -> tuple[pa.Table | None, bool]:
    """Return the matching rows as a table in the order asked for, and whether everything was looked at."""
    check(question.query, reader.schema)
    best = _Best(reader.schema, question)
    sign = -1 if question.newest_first else 1
    todo: list[tuple[int, int, Group | EventBlock]] = []

    def push(source: Group | EventBlock) -> None:
        if source.max_ns >= question.start_ns and source.min_ns <= question.end_ns:
            bound = source.max_ns if question.newest_first else source.min_ns
            heapq.heappush(todo, (sign * bound, next(number), source))

    number = iter(range(1 << 62))
    for batch in snapshot.batches:
        push(_of_batch(reader.schema, batch))
    for block in snapshot.blocks:
        push(block)
    with ExitStack() as files:
        walk = _Walk(reader, question, files)
        while todo:
            bound, _, source = heapq.heappop(todo)
            if best.settled(sign * bound):
                break
            if out_of_time():
                return best.table(), False
            if isinstance(source, EventBlock):
                for group in walk.groups_of(source):
                    push(group)
            elif (table := walk.hits(source)).num_rows:
                best.add(table)
        return best.table(), True


def as_rows(schema: Schema, table: pa.Table | None) -> list[dict[str, Any]]:
    """Return a table as one dictionary per row, with its JSON columns read."""
    import json

    if table is None:
        return []
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    for name in schema.json:
        if name in columns:
            columns[name] = [json.loads(text) if text else None for text in columns[name]]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def answer(reader: Reader, snapshot: Snapshot, question: Question, out_of_time: Callable[[], bool]) -> SearchResult:
    table, complete = find(reader, snapshot, question, out_of_time)
    return SearchResult(as_rows(reader.schema, table), complete)
