"""The store of one kind of events: takes rows in, hands them out as blocks, and answers questions.

Rows are searchable from `append` on, in exactly one of three states: in the tail, frozen (on their way into a
block), or in a block that the manifest names. It never decides by itself that a block exists or ends.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from steersman.model.errors import Temporary
from steersman.model.search import Compare, Field, Query, SearchResult, ServiceMap
from steersman.runtime.telemetry.events import block as blocks_
from steersman.runtime.telemetry.events.block import EventBlock
from steersman.runtime.telemetry.events.index import DamagedIndex, checksum
from steersman.runtime.telemetry.events.search import DEFAULT_SECONDS, Question, Reader, Snapshot, answer
from steersman.runtime.telemetry.events.servicemap import service_map
from steersman.runtime.telemetry.events.tail import Chunk, Frozen, Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from steersman.runtime.telemetry.disk import Disk
    from steersman.runtime.telemetry.events.schema import EventColumns, Schema, Tokenize

T = TypeVar("T")

#: A search that meets a file which compaction has just replaced starts again; more often than this means
#: that the file is really gone.
_ATTEMPTS = 4
#: More spans than this in one trace are cut off.
_TRACE_ROWS = 50_000
#: What a row takes besides its characters while it is Python values: list entries, an integer, string headers.
_ROW_BYTES = 200


class EventStore:
    """Logs, spans or exemplars. Safe for readers in threads beside one thread that appends."""

    def __init__(
        self, schema: Schema, folder: Path, disk: Disk, tokenize: Tokenize, monotonic: Callable[[], float]
    ) -> None:
        self.schema = schema
        self.folder = folder
        self._disk = disk
        self._tokenize = tokenize
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._tail = Tail(schema)
        self._frozen: tuple[Frozen, ...] = ()
        self._blocks: dict[str, EventBlock] = {}
        self._sound: set[str] = set()
        self._damaged: set[str] = set()
        self._reader = Reader(schema=schema, folder=folder, tokenize=tokenize, trusted=self._trusted)

    # Rows on their way in.

    def append(self, tenant: str, columns: EventColumns, seq: int) -> None:
        """Take in what one request carried. The lists are kept, not copied: the caller leaves them alone."""
        rows = len(getattr(columns, self.schema.time))
        if rows:
            chunk = Chunk(tenant, columns, seq, rows, self._size(columns, rows))
            with self._lock:
                self._tail.append(chunk)

    def _size(self, columns: EventColumns, rows: int) -> int:
        texts = (name for name, kind in self.schema.columns.items() if kind in {"string", "binary"})
        return rows * _ROW_BYTES + sum(sum(map(len, getattr(columns, name))) for name in texts)

    @property
    def tail_rows(self) -> int:
        """Rows that a `freeze` would take."""
        return self._tail.rows

    @property
    def tail_bytes(self) -> int:
        """About the memory of those rows."""
        return self._tail.bytes

    @property
    def waiting_bytes(self) -> int:
        """About the memory of all rows that are in no block yet, also of those on their way into one."""
        return self._tail.bytes + sum(frozen.bytes for frozen in self._frozen)

    def freeze(self) -> Frozen | None:
        """Start a new tail and return the rows of the old one, or None when there are none."""
        with self._lock:
            if not self._tail.rows:
                return None
            frozen = Frozen(self._tail.take())
            self._frozen = (*self._frozen, frozen)
            return frozen

    def write(self, frozen: Frozen) -> EventBlock:
        """Write frozen rows as a block, in any thread. Raises what the disk raises; then `abandon` them."""
        seqs = (frozen.first_seq, frozen.last_seq)
        return blocks_.write_block(self.schema, frozen.table(), seqs, 0, self._disk, self.folder, self._tokenize)

    def commit(self, frozen: Frozen, block: EventBlock) -> None:
        """The manifest names the block now: search it in place of the frozen rows."""
        with self._lock:
            self._frozen = tuple(other for other in self._frozen if other is not frozen)
            self._blocks[block.name] = block
            self._sound.add(block.name)

    def abandon(self, frozen: Frozen) -> None:
        """The block could not be written: the rows go back to the front of the tail."""
        with self._lock:
            self._frozen = tuple(other for other in self._frozen if other is not frozen)
            self._tail.put_back(frozen.batches)

    # Blocks.

    def load(self, blocks: Iterable[EventBlock]) -> None:
        """Search these blocks from now on."""
        with self._lock:
            self._blocks.update((block.name, block) for block in blocks)

    def drop(self, names: Iterable[str]) -> None:
        """Stop searching these blocks; the caller removes their files afterwards."""
        self.swap(names, ())

    def swap(self, old: Iterable[str], new: Iterable[EventBlock]) -> None:
        """Put compacted blocks in the place of those they were made from, in one step."""
        with self._lock:
            for name in old:
                self._blocks.pop(name, None)
                self._sound.discard(name)
                self._damaged.discard(name)
            self._blocks.update((block.name, block) for block in new)

    @property
    def blocks(self) -> tuple[EventBlock, ...]:
        with self._lock:
            return tuple(self._blocks.values())

    @property
    def damaged(self) -> tuple[EventBlock, ...]:
        """Blocks whose index a search could not use; `mend` them."""
        with self._lock:
            return tuple(self._blocks[name] for name in sorted(self._damaged) if name in self._blocks)

    def mend(self, block: EventBlock) -> None:
        """Write the index of a block again."""
        blocks_.rebuild_index(self.schema, block, self._disk, self.folder, self._tokenize)
        with self._lock:
            self._damaged.discard(block.name)

    def verify(self, block: EventBlock) -> list[str]:
        """Return what is wrong with a block's files, in words."""
        return blocks_.verify_block(self.schema, block, self.folder, self._tokenize)

    def _trusted(self, block: EventBlock) -> bool:
        """Check an index once in the life of this process, when it is first needed."""
        with self._lock:
            if block.name in self._sound:
                return True
            if block.name in self._damaged:
                return False
        try:
            checksum(self.folder / block.files[1])
        except DamagedIndex:
            with self._lock:
                self._damaged.add(block.name)
            return False
        with self._lock:
            self._sound.add(block.name)
        return True

    # Questions.

    def search(
        self,
        tenant: str,
        query: Query,
        start_ns: int,
        end_ns: int,
        limit: int = 100,
        *,
        newest_first: bool = True,
        seconds: float = DEFAULT_SECONDS,
    ) -> SearchResult:
        """Return matching rows with `start_ns <= time <= end_ns`, at most `limit`, in order of time.

        Raises `InvalidInput` for a query that cannot be asked of this kind, `DamagedBlock` for unreadable rows.
        """
        question = Question(
            tenant=tenant, query=query, start_ns=start_ns, end_ns=end_ns, limit=limit, newest_first=newest_first
        )
        late = self._deadline(seconds)
        return self._attempt(lambda snapshot: answer(self._reader, snapshot, question, late))

    def trace(self, tenant: str, trace_id: str, *, seconds: float = DEFAULT_SECONDS) -> SearchResult:
        """Return the rows of one trace, oldest first."""
        query = Field("trace_id", Compare.EQUAL, trace_id)
        return self.search(tenant, query, -(2**63), 2**63 - 1, _TRACE_ROWS, newest_first=False, seconds=seconds)

    def service_map(self, tenant: str, start_ns: int, end_ns: int, *, seconds: float = DEFAULT_SECONDS) -> ServiceMap:
        """Return who calls whom among the spans that started in the range; for the store of spans only."""
        late = self._deadline(seconds)
        return self._attempt(lambda snapshot: service_map(self._reader, snapshot, tenant, start_ns, end_ns, late))

    def _deadline(self, seconds: float) -> Callable[[], bool]:
        end = self._monotonic() + seconds
        return lambda: self._monotonic() > end

    def _snapshot(self) -> Snapshot:
        with self._lock:
            frozen = [batch for one in self._frozen for batch in one.batches]
            return Snapshot((*self._tail.seal(), *frozen), tuple(self._blocks.values()))

    def _attempt(self, ask: Callable[[Snapshot], T]) -> T:
        for _ in range(_ATTEMPTS):
            snapshot = self._snapshot()
            try:
                return ask(snapshot)
            except FileNotFoundError as error:
                if set(snapshot.blocks) <= set(self.blocks):
                    names = [name for block in snapshot.blocks for name in block.files]
                    missing = ", ".join(name for name in names if not (self.folder / name).exists())
                    advice = "restore it from a backup"
                    raise blocks_.DamagedBlock(f"a file is missing in {self.folder}: {missing}; {advice}") from error
        raise Temporary("blocks are being replaced faster than they can be read", retry_after=1.0)
