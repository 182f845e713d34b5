"""Series from files that others wrote: Parquet or CSV, one row a sample with labels, or one column a series.

A file needs a column `time` or `timestamp` (milliseconds or seconds since 1970, a timestamp, or ISO 8601 text). With a
column `value` every other text column is a label, and `__name__`, `metric`, `name` or `series` names the metric;
without one every numeric column is a series of its own. What cannot be read is refused with the byte where it begins.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, canonical, encode_labels
from steersman.model.rounds import SampleColumns

if TYPE_CHECKING:
    from pathlib import Path

_TIMES = ("time", "timestamp", "time_ms")
_NAMES = (METRIC_NAME, "metric", "name", "series")
_VALUE = "value"
_MAGIC = b"PAR1"
#: A number of at least this many is milliseconds, a smaller one seconds: the border is in 1973, and in the year 5138.
_MILLISECONDS_FROM = 100_000_000_000


@dataclass(frozen=True, slots=True)
class ForeignSeries:
    """Canonical label bytes by series number, and the samples in the order of their time."""

    keys: tuple[bytes, ...]
    samples: SampleColumns


def read_series(path: Path) -> ForeignSeries:
    """Read a file by what it begins with; raises `InvalidInput` naming the first byte that is wrong."""
    with path.open("rb") as file:
        is_parquet = file.read(len(_MAGIC)) == _MAGIC
    table = _parquet(path) if is_parquet or path.suffix == ".parquet" else _csv(path)
    time = next((name for name in _TIMES if name in table.column_names), None)
    if time is None:
        raise InvalidInput(f"byte 0: {path.name} has no column called {' or '.join(_TIMES)}")
    times = _milliseconds(table.column(time), path)
    rest = table.drop_columns([time])
    found = _long(rest, times) if _VALUE in rest.column_names else _wide(rest, times)
    order = np.argsort(found.samples.times, kind="stable")
    samples = found.samples
    return ForeignSeries(found.keys, SampleColumns(samples.series[order], samples.times[order], samples.values[order]))


def _parquet(path: Path) -> pa.Table:
    content = path.read_bytes()
    for at, part in ((0, content[:4]), (max(len(content) - 4, 0), content[-4:])):
        if part != _MAGIC:
            raise InvalidInput(f"byte {at}: {path.name} is no whole Parquet file: {_MAGIC.decode()} is missing here")
    try:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        raise InvalidInput(f"byte {max(footer, 0)}: the footer of {path.name} cannot be read: {error}") from error
    groups = range(file.metadata.num_row_groups)
    return pa.concat_tables([_row_group(file, group, path) for group in groups]) if groups else file.read()


def _row_group(file: Any, group: int, path: Path) -> pa.Table:
    """Read column by column, so that damage can be told by the place of its column."""
    meta = file.metadata.row_group(group)
    columns = {}
    for number in range(meta.num_columns):
        column = meta.column(number)
        begins = column.dictionary_page_offset or column.data_page_offset
        try:
            columns[column.path_in_schema] = file.read_row_group(group, columns=[column.path_in_schema]).column(0)
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(
                f"byte {begins}: the column {column.path_in_schema} that begins here cannot be read: {error}"
            ) from error
    return pa.table(columns)


def _csv(path: Path) -> pa.Table:
    lines = list(_lines(path))
    if not lines:
        raise InvalidInput(f"byte 0: {path.name} is empty")
    (_, names), rows = lines[0], lines[1:]
    columns: list[list[str]] = [[] for _ in names]
    for at, cells in rows:
        if len(cells) != len(names):
            raise InvalidInput(f"byte {at}: a line of {len(cells)} cells under a head of {len(names)}")
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
    starts = [at for at, _ in rows]
    return pa.table({name: _typed(name, cells, starts) for name, cells in zip(names, columns, strict=True)})


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each line's first byte and its cells."""
    at = 0
    for raw in path.read_bytes().splitlines(keepends=True):
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"byte {at + error.start}: not UTF-8") from error
        if text.strip():
            yield at, next(csv.reader(io.StringIO(text)))
        at += len(raw)


def _typed(name: str, cells: Sequence[str], starts: Sequence[int]) -> pa.Array:
    if name in _NAMES:
        return pa.array(cells)
    numbers: list[float | None] = []
    for cell, at in zip(cells, starts, strict=True):
        try:
            numbers.append(float(cell) if cell else None)
        except ValueError:
            if name == _VALUE:
                raise InvalidInput(f"byte {at}: the value {cell!r} on this line is no number") from None
            return pa.array(cells)
    return pa.array(numbers, pa.float64())


def _milliseconds(column: pa.ChunkedArray, path: Path) -> np.ndarray[Any, np.dtype[np.int64]]:
    if column.null_count:
        raise InvalidInput(f"byte 0: {path.name} has a row without a time")
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64()).to_numpy())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([_parsed(text) for text in column.to_pylist()], np.int64)
    numbers = np.asarray(column.to_numpy(), np.float64)
    return np.where(numbers >= _MILLISECONDS_FROM, numbers, numbers * 1000).astype(np.int64)


def _parsed(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"byte 0: the time {text!r} is not ISO 8601") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)


def _long(table: pa.Table, times: np.ndarray[Any, np.dtype[np.int64]]) -> ForeignSeries:
    texts = [name for name in table.column_names if name != _VALUE and _is_text(table.schema.field(name).type)]
    metric = next((name for name in _NAMES if name in texts), None)
    columns = [table.column(name).cast(pa.string()).to_pylist() for name in texts]
    names = [METRIC_NAME if name == metric else name for name in texts]
    numbers: dict[tuple[str, ...], int] = {}
    rows = zip(*columns, strict=True) if columns else iter([()] * table.num_rows)
    series = np.fromiter((numbers.setdefault(row, len(numbers)) for row in rows), np.int32, table.num_rows)
    keys = tuple(_key(dict(zip(names, row, strict=True))) for row in numbers)
    return ForeignSeries(keys, SampleColumns(series, times, _floats(table.column(_VALUE))))


def _wide(table: pa.Table, times: np.ndarray[Any, np.dtype[np.int64]]) -> ForeignSeries:
    chosen = [name for name in table.column_names if not _is_text(table.schema.field(name).type)]
    if not chosen:
        return ForeignSeries((), SampleColumns(np.empty(0, np.int32), times[:0], np.empty(0)))
    series = np.repeat(np.arange(len(chosen), dtype=np.int32), table.num_rows)
    values = np.concatenate([_floats(table.column(name)) for name in chosen])
    keys = tuple(_key({METRIC_NAME: name}) for name in chosen)
    return ForeignSeries(keys, SampleColumns(series, np.tile(times, len(chosen)), values))


def _key(labels: dict[str, str | None]) -> bytes:
    known = {name: value for name, value in labels.items() if value}
    return encode_labels(canonical({METRIC_NAME: _VALUE, **known}))


def _floats(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy())
