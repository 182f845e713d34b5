"""Rows that are not in a block yet: as the decoder's lists until somebody asks, then as an Arrow table.

Taking rows in costs one list entry per request. A search, or a flush, turns what has gathered into columns
once; both then share them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from steersman.runtime.telemetry.events.schema import TENANT, EventColumns, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one request carried: one tenant's columns and the number of its record in the write-ahead log."""

    tenant: str
    columns: EventColumns
    seq: int
    rows: int
    bytes: int


def _clean(value: str) -> str:
    """Replace what cannot be UTF-8: half of a surrogate pair, which JSON can spell."""
    return value.encode("utf-8", "replace").decode()


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_clean(value) for value in values], kind)


def to_table(schema: Schema, chunks: Sequence[Chunk]) -> pa.Table:
    """Return the chunks as one table, in their order."""
    import pyarrow as pa

    arrow = schema.arrow()
    tenants = list(chain.from_iterable([chunk.tenant] * chunk.rows for chunk in chunks))
    arrays = [_array(tenants, arrow.field(TENANT).type)]
    for name in schema.columns:
        values = list(chain.from_iterable(getattr(chunk.columns, name) for chunk in chunks))
        arrays.append(_array(values, arrow.field(name).type))
    return pa.Table.from_arrays(arrays, schema=arrow)


class Batch:
    """Some rows whose order and number no longer change."""

    def __init__(self, schema: Schema, chunks: Sequence[Chunk]) -> None:
        self.rows = sum(chunk.rows for chunk in chunks)
        self.bytes = sum(chunk.bytes for chunk in chunks)
        self.first_seq = min(chunk.seq for chunk in chunks)
        self.last_seq = max(chunk.seq for chunk in chunks)
        self._schema = schema
        self._chunks: Sequence[Chunk] = chunks
        self._table: pa.Table | None = None
        self._lock = threading.Lock()

    def table(self) -> pa.Table:
        """Return the rows as columns; the first caller does the work and frees the lists."""
        with self._lock:
            if self._table is None:
                self._table = to_table(self._schema, self._chunks)
                self._chunks = ()
            return self._table


@dataclass(frozen=True, slots=True)
class Frozen:
    """Rows on their way into a block: still found by every search until `commit`."""

    batches: tuple[Batch, ...]

    @property
    def rows(self) -> int:
        return sum(batch.rows for batch in self.batches)

    @property
    def bytes(self) -> int:
        return sum(batch.bytes for batch in self.batches)

    @property
    def first_seq(self) -> int:
        return min(batch.first_seq for batch in self.batches)

    @property
    def last_seq(self) -> int:
        return max(batch.last_seq for batch in self.batches)

    def table(self) -> pa.Table:
        import pyarrow as pa

        return pa.concat_tables([batch.table() for batch in self.batches])


class Tail:
    """The newest rows. Not thread safe by itself: its store holds a lock around every call."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._sealed: list[Batch] = []
        self._open: list[Chunk] = []
        self.rows = 0
        self.bytes = 0

    def append(self, chunk: Chunk) -> None:
        self._open.append(chunk)
        self.rows += chunk.rows
        self.bytes += chunk.bytes

    def seal(self) -> tuple[Batch, ...]:
        """Return all rows as batches; later rows go into a new one."""
        if self._open:
            self._sealed.append(Batch(self._schema, self._open))
            self._open = []
        return tuple(self._sealed)

    def take(self) -> tuple[Batch, ...]:
        """Return all rows and forget them."""
        batches = self.seal()
        self._sealed = []
        self.rows = self.bytes = 0
        return batches

    def put_back(self, batches: Sequence[Batch]) -> None:
        """Return rows to the front."""
        self._sealed[:0] = batches
        self.rows += sum(batch.rows for batch in batches)
        self.bytes += sum(batch.bytes for batch in batches)
