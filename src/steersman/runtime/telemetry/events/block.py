"""One block: a Parquet file sorted by time and its token index, and the value that names the two.

A block's files are written once and never changed; only the index may be written again, from the rows.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steersman.model.errors import Permanent
from steersman.runtime.telemetry.disk import write_together
from steersman.runtime.telemetry.events import index
from steersman.runtime.telemetry.events.schema import (
    FORMAT,
    LARGEST_NUMBER,
    SMALLEST_NUMBER,
    EventKind,
    Schema,
    Tokenize,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy import int64, uint8, uint64
    from numpy.typing import NDArray

    from steersman.runtime.telemetry.disk import Disk

#: Rows that are read and looked through together. Measured on 2 cores: half of it makes a scan a quarter slower, a
#: quarter of it two thirds; what a scattered word costs hardly changes.
GROUP_ROWS = 16_384
_PAGE_BYTES = 1 << 20

#: Escapes of characters in a row, because two of them may be one character; any other escape is left alone.
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.")


@dataclass(frozen=True, slots=True)
class EventBlock:
    """What the manifest keeps of a block. Times are inclusive nanoseconds, `bytes` counts both files.

    `first_seq` and `last_seq` are numbers of write-ahead log records; `level` counts compactions.
    """

    kind: EventKind
    name: str
    rows: int
    min_ns: int
    max_ns: int
    first_seq: int
    last_seq: int
    level: int
    bytes: int
    crc: int
    index_crc: int

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": self.kind.value}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> EventBlock:
        return cls(**{**value, "kind": EventKind(value["kind"])})

    @property
    def files(self) -> tuple[str, str]:
        """The names of the Parquet file and of the index beside it."""
        return f"{self.name}.parquet", f"{self.name}.index"


class DamagedBlock(Permanent):
    """The rows of a block cannot be read: restore the named file, or drop the block."""


def sort_by_time(schema: Schema, table: pa.Table) -> pa.Table:
    """Return the rows in order of time; rows of one time keep their order."""
    times = table.column(schema.time).to_numpy()
    if (np.diff(times) >= 0).all():
        return table
    return table.take(np.argsort(times, kind="stable"))


def parquet_bytes(schema: Schema, table: pa.Table) -> pa.Buffer:
    """Return a sorted table as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    integers = [name for name, kind in schema.columns.items() if kind in {"int64", "int32"}]
    pq.write_table(
        table,
        sink,
        row_group_size=GROUP_ROWS,
        compression="zstd",
        compression_level=1,
        use_dictionary=list(schema.repeating),
        column_encoding=dict.fromkeys(integers, "DELTA_BINARY_PACKED"),
        write_statistics=[schema.time],
        data_page_size=_PAGE_BYTES,
        write_page_checksum=True,
    )
    return sink.getvalue()


def _utf8(column: pa.ChunkedArray) -> Iterator[tuple[NDArray[uint8], NDArray[int64]]]:
    """Yield the bytes and offsets of each chunk of a string column, without a copy of the bytes."""
    for chunk in column.chunks:
        if not len(chunk):
            continue
        _, offsets, content = chunk.buffers()
        at = np.frombuffer(offsets, np.int32, len(chunk) + 1, chunk.offset * 4).astype(np.int64)
        yield np.frombuffer(content or b"", np.uint8), at


def spelled(text: str) -> str:
    """Spell out four-digit escapes as they stand in JSON."""
    return _ESCAPE.sub(_spelled, text) if "\\u" in text else text


def _spelled(escape: re.Match[str]) -> str:
    text = escape.group()
    return json.loads(f'"{text}"').encode("utf-8", "replace").decode() if text[1] == "u" else text


def plain_json(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Spell out four-digit escapes in JSON, so that a token of a value is the same however the sender wrote it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring(column, "\\u")).as_py():
        return column
    texts = [spelled(text) for text in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _token_pairs(schema: Schema, table: pa.Table, tokenize: Tokenize) -> NDArray[uint64]:
    """Return (key, row) of every token of every indexed column."""
    found: list[NDArray[uint64]] = [np.empty(0, np.uint64)]
    for name in schema.tokens:
        column = table.column(name)
        first = 0
        for content, offsets in _utf8(plain_json(column) if name in schema.attributes else column):
            hashes, rows = tokenize(content, offsets)
            found.append(index.pair(index.keys_of(hashes, index.salt_of(name)), rows.astype(np.int64) + first))
            first += len(offsets) - 1
    for name in schema.numbers:
        values = np.clip(table.column(name).to_numpy().astype(np.int64), SMALLEST_NUMBER, LARGEST_NUMBER)
        keys = index.number_keys(values, index.salt_of(name))
        found.append(index.pair(keys, np.arange(len(values))))
    return np.concatenate(found)


def index_bytes(schema: Schema, table: pa.Table, tokenize: Tokenize) -> list[bytes]:
    """Return the index file of a sorted table; the same rows give the same bytes."""
    starts = np.minimum(np.arange(0, table.num_rows + GROUP_ROWS, GROUP_ROWS), table.num_rows)
    times = table.column(schema.time).to_numpy() * schema.unit_ns
    bounds = np.stack([times[starts[:-1]], times[starts[1:] - 1]], axis=1)
    maps = [np.empty(0, np.uint8)]
    for first, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        # In one piece, so that three bytes across two rows are the same however the table is cut.
        part = table.slice(first, stop - first).combine_chunks()
        texts = [content[at[0] : at[-1]] for name in schema.text for content, at in _utf8(part.column(name))]
        if texts:
            maps.append(index.trigram_map(texts))
    return index.encode(_token_pairs(schema, table, tokenize), bounds, starts, np.concatenate(maps))


def write_block(
    schema: Schema,
    table: pa.Table,
    seqs: tuple[int, int],
    level: int,
    disk: Disk,
    folder: Path,
    tokenize: Tokenize,
) -> EventBlock:
    """Write a block of rows in any order; its files are synced, the folder is not."""
    ordered = sort_by_time(schema, table)
    rows = parquet_bytes(schema, ordered)
    tokens = index_bytes(schema, ordered, tokenize)
    times = ordered.column(schema.time).to_numpy()
    block = EventBlock(
        kind=schema.kind,
        name=f"{schema.kind}-{level}-{seqs[0]:012d}-{seqs[1]:012d}",
        rows=table.num_rows,
        min_ns=int(times[0]) * schema.unit_ns,
        max_ns=int(times[-1]) * schema.unit_ns,
        first_seq=seqs[0],
        last_seq=seqs[1],
        level=level,
        bytes=len(rows) + sum(map(len, tokens)),
        crc=zlib.crc32(rows),
        index_crc=_crc_of(tokens),
    )
    data_file, index_file = block.files
    write_together(disk, {folder / data_file: [memoryview(rows)], folder / index_file: tokens})
    return block


def _crc_of(buffers: list[bytes]) -> int:
    crc = 0
    for buffer in buffers:
        crc = zlib.crc32(buffer, crc)
    return crc


def open_rows(schema: Schema, path: Path) -> pq.ParquetFile:
    """Open a block's Parquet file; raises `DamagedBlock` naming it. A missing file is `FileNotFoundError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(
            path, memory_map=True, read_dictionary=list(schema.repeating), page_checksum_verification=True
        )
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise DamagedBlock(f"the block file {path} is damaged: {error}") from error
    stored = (file.metadata.metadata or {}).get(b"steersman.format", b"0")
    if int(stored) != FORMAT:
        file.close()
        raise DamagedBlock(f"the block file {path} has format {stored.decode()}; this program reads {FORMAT}")
    return file


def read_all(schema: Schema, path: Path) -> pa.Table:
    """Read every row and column of a block, as plain strings."""
    import pyarrow as pa

    with open_rows(schema, path) as file:
        try:
            return file.read().cast(schema.arrow())
        except (pa.ArrowException, OSError) as error:
            raise DamagedBlock(f"the block file {path} is damaged: {error}") from error


def rebuild_index(schema: Schema, block: EventBlock, disk: Disk, folder: Path, tokenize: Tokenize) -> None:
    """Write the index of a block again from its rows."""
    data_file, index_file = block.files
    table = read_all(schema, folder / data_file)
    disk.write_file(folder / index_file, index_bytes(schema, table, tokenize))


def verify_block(schema: Schema, block: EventBlock, folder: Path, tokenize: Tokenize) -> list[str]:
    """Return what is wrong with a block, in words; an empty list means that it is whole."""
    data_file, index_file = block.files
    path = folder / data_file
    try:
        raw = path.read_bytes()
        table = read_all(schema, path)
    except (OSError, DamagedBlock) as error:
        return [f"{path}: {error}"]
    problems = []
    if zlib.crc32(raw) != block.crc:
        problems.append(f"{path}: its checksum is not the one in the manifest")
    times = table.column(schema.time).to_numpy()
    if table.num_rows != block.rows:
        problems.append(f"{path}: it holds {table.num_rows} rows, the manifest says {block.rows}")
    if (np.diff(times) < 0).any():
        problems.append(f"{path}: its rows are not in order of time")
    elif len(times) and (times[0] * schema.unit_ns, times[-1] * schema.unit_ns) != (block.min_ns, block.max_ns):
        problems.append(f"{path}: its times are not those in the manifest")
    try:
        stored = (folder / index_file).read_bytes()
    except OSError as error:
        return [*problems, f"{folder / index_file}: {error.strerror}"]
    if b"".join(index_bytes(schema, table, tokenize)) != stored:
        problems.append(f"{folder / index_file}: it does not agree with the rows")
    return problems
