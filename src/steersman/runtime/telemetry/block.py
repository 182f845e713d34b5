"""Sealed samples as two Parquet files: the samples, grouped by series and ordered by time, and the series' keys.

Series are numbered within the block in the order of their label bytes, so equal metrics stand side by side,
which is what compresses and what a question about one metric reads.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from steersman.model.errors import Permanent
from steersman.runtime.telemetry.disk import write_together
from steersman.runtime.telemetry.head import Columns
from steersman.runtime.telemetry.manifest import MetricBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from steersman.model.ids import Tenant
    from steersman.model.labels import Matcher
    from steersman.runtime.telemetry.disk import Disk
    from steersman.runtime.telemetry.ports import SeriesSet

_ADVICE = "restore it from a backup"
#: A question about a few series reads whole row groups, a scan wants few of them: 64 Ki samples are 1 MiB unpacked.
ROW_GROUP = 1 << 16


@dataclass(frozen=True, slots=True)
class BlockSeries:
    """One series of a block: its tenant and its canonical label bytes."""

    tenant: str
    key: bytes


def paths(folder: Path, name: str) -> tuple[Path, Path]:
    """Return the paths of a block's samples and of its series."""
    return folder / f"{name}.samples.parquet", folder / f"{name}.series.parquet"


def _packed(table: pa.Table, **options: object) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue()


def write(
    folder: Path, disk: Disk, name: str, level: int, series: Sequence[BlockSeries], samples: Columns
) -> MetricBlock:
    """Write a block and sync it; `samples` is ordered and `samples.series` indexes `series`.

    The folder is not synced: that is for whoever commits the manifest.
    """
    import pyarrow as pa

    sample_bytes = _packed(
        pa.table({"series": samples.series.astype(np.uint32), "time": samples.times, "value": samples.values}),
        # Deltas of times are small and repeat from series to series; values are left to zstd, which
        # was measured to beat byte-stream splitting and dictionaries on host metrics (docs/benchmarks.md).
        column_encoding={"time": "DELTA_BINARY_PACKED", "value": "PLAIN"},
        use_dictionary=["series"],
        # What comes from the head is written once more when it is merged, so it need not be packed tightly yet.
        compression_level=1 if level == 0 else 3,
        write_statistics=["time"],
        row_group_size=ROW_GROUP,
    )
    starts = np.searchsorted(samples.series, np.arange(len(series) + 1))
    series_bytes = _packed(
        pa.table(
            {
                "series": pa.array(np.arange(len(series)), pa.uint32()),
                "tenant": pa.array([one.tenant for one in series], pa.string()),
                "key": pa.array([one.key for one in series], pa.binary()),
                "first_row": pa.array(starts[:-1], pa.uint64()),
                "rows": pa.array(np.diff(starts), pa.uint64()),
            }
        )
    )
    samples_path, series_path = paths(folder, name)
    write_together(disk, {samples_path: [sample_bytes], series_path: [series_bytes]})
    return MetricBlock(
        name=name,
        samples=samples.times.size,
        series=len(series),
        min_ms=int(samples.times.min()),
        max_ms=int(samples.times.max()),
        bytes=len(sample_bytes) + len(series_bytes),
        level=level,
        samples_hash=xxhash.xxh3_64_intdigest(sample_bytes),
        series_hash=xxhash.xxh3_64_intdigest(series_bytes),
    )


class Block:
    """A reader of one block. Its series are read at the first question and kept; samples are read per question."""

    def __init__(self, folder: Path, meta: MetricBlock, new_series_set: Callable[[], SeriesSet] | None = None) -> None:
        """Open a block; without `new_series_set` it can be read whole but not asked."""
        self.meta = meta
        self._samples_path, self._series_path = paths(folder, meta.name)
        self._new_series_set = new_series_set

    def table(self) -> pa.Table:
        """Return the block's series table."""
        import pyarrow.parquet as pq

        try:
            return pq.read_table(self._series_path)
        except (OSError, ValueError) as error:
            raise Permanent(f"the block file {self._series_path.name} cannot be read: {error}; {_ADVICE}") from error

    def series(self) -> list[BlockSeries]:
        """Return all series in the order of their numbers."""
        table = self.table()
        pairs = zip(table["tenant"].to_pylist(), table["key"].to_pylist(), strict=True)
        return [BlockSeries(tenant, key) for tenant, key in pairs]

    @cached_property
    def _index(self) -> tuple[SeriesSet, NDArray[np.int64]]:
        if self._new_series_set is None:
            raise RuntimeError("this reader was opened to be read whole")
        index = self._new_series_set()
        table = self.table()
        tenants, keys = table["tenant"].to_pylist(), table["key"].to_pylist()
        for tenant in dict.fromkeys(tenants):
            index.scope(tenant)
        at = 0
        while at < len(keys):
            end = at
            while end < len(keys) and tenants[end] == tenants[at]:
                end += 1
            index.add(index.scope(tenants[at]), keys[at:end])
            at = end
        first_rows = table["first_row"].to_numpy().astype(np.int64)
        return index, np.append(first_rows, self.meta.samples)

    @property
    def index(self) -> SeriesSet:
        """The block's series, numbered as in its samples."""
        return self._index[0]

    def select(self, tenant: Tenant, matchers: Sequence[Matcher], start: int, end: int) -> tuple[list[bytes], Columns]:
        """Return the keys of the matching series and their samples in `start..end`, numbered by position."""
        index, first_rows = self._index
        chosen = index.select(tenant, matchers)
        keys = [index.canonical(int(one)) for one in chosen]
        return keys, self._read(first_rows[chosen], first_rows[chosen + 1], start, end)

    def _read(self, begins: NDArray[np.int64], ends: NDArray[np.int64], start: int, end: int) -> Columns:
        """Read the row ranges, which rise, and keep the samples in `start..end`."""
        if not begins.size:
            return Columns(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64))
        groups = np.unique(
            np.concatenate(
                [np.arange(b // ROW_GROUP, (e - 1) // ROW_GROUP + 1) for b, e in zip(begins, ends, strict=True)]
            )
        )
        times, values = self._row_groups(groups.tolist())
        # Row r of the file stands at position r - ROW_GROUP * (groups left out before it) of what was read.
        left_out = groups - np.arange(groups.size)
        shift = left_out[np.searchsorted(groups, begins // ROW_GROUP)] * ROW_GROUP
        counts = ends - begins
        series = np.repeat(np.arange(begins.size, dtype=np.int32), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = within + np.repeat(begins - shift, counts)
        picked = times[rows]
        wanted = (picked >= start) & (picked <= end)
        return Columns(series[wanted], picked[wanted], values[rows][wanted])

    def _row_groups(self, groups: list[int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self._samples_path) as file:
                table = file.read_row_groups(groups, columns=["time", "value"])
        except (OSError, ValueError) as error:
            raise Permanent(f"the block file {self._samples_path.name} cannot be read: {error}; {_ADVICE}") from error
        return table["time"].to_numpy(), table["value"].to_numpy()

    def samples(self) -> Columns:
        """Return every sample of the block."""
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self._samples_path)
        except (OSError, ValueError) as error:
            raise Permanent(f"the block file {self._samples_path.name} cannot be read: {error}; {_ADVICE}") from error
        return Columns(table["series"].to_numpy().astype(np.int32), table["time"].to_numpy(), table["value"].to_numpy())

    def problems(self) -> list[str]:
        """Say what is wrong with the files: hashes, counts, order."""
        found = []
        for path, expected in (
            (self._samples_path, self.meta.samples_hash),
            (self._series_path, self.meta.series_hash),
        ):
            if not path.exists():
                found.append(f"{path.name} is missing")
            elif xxhash.xxh3_64_intdigest(path.read_bytes()) != expected:
                found.append(f"{path.name} is not what was written: its hash differs")
        if found:
            return found
        samples = self.samples()
        if samples.times.size != self.meta.samples:
            found.append(f"{self.meta.name} has {samples.times.size} samples, the manifest says {self.meta.samples}")
        same = np.diff(samples.series) == 0
        if np.any(np.diff(samples.series) < 0) or np.any(np.diff(samples.times)[same] <= 0):
            found.append(f"{self.meta.name} is not in order")
        return found
