"""From checkpointed samples to blocks, and from small blocks to larger ones, in a process of its own that ends.

    python -m steersman.runtime.telemetry.sealing seal FOLDER GENERATION NAME
    python -m steersman.runtime.telemetry.sealing merge FOLDER NAME BLOCK BLOCK...

Prints the new block as JSON. The manifest is only read here: whoever started the process commits the result, so
a kill at any moment leaves nothing but files that nobody names.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.errors import Permanent
from steersman.runtime.telemetry import block, columns, manifest
from steersman.runtime.telemetry.block import Block, BlockSeries
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.head import Columns
from steersman.runtime.telemetry.merge import counted, gathered, ordered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steersman.runtime.telemetry.disk import Disk
    from steersman.runtime.telemetry.manifest import Manifest, MetricBlock, SeriesFile

#: Samples that a merged block may hold; merging needs about 60 bytes of memory for each.
LARGEST = 32_000_000
#: Blocks of one day end up together, so that retention drops whole files.
DAY_MS = 86_400_000
_LEAST_MERGED = 4


def _sorted_block(
    folder: Path, disk: Disk, name: str, level: int, series: Sequence[BlockSeries], parts: Sequence[Columns]
) -> MetricBlock:
    """Write a block of samples whose series numbers index `series`, in any order and with repetitions."""
    counts = counted(parts, len(series))
    by_key = sorted(np.flatnonzero(counts).tolist(), key=lambda number: (series[number].tenant, series[number].key))
    ranks = np.zeros(len(series), np.int32)
    ranks[by_key] = np.arange(len(by_key), dtype=np.int32)
    samples = ordered(gathered(parts, ranks, counts[by_key]))
    return block.write(folder, disk, name, level, [series[number] for number in by_key], samples)


def _epoch_series(folder: Path, file: SeriesFile, tenants: Sequence[str]) -> list[BlockSeries]:
    series = []
    for scopes, bounds, content in columns.read_series(folder / "head" / file.name, file.bytes):
        text = content.tobytes()
        ends = bounds.tolist()
        series += [
            BlockSeries(tenants[scope], text[start:end])
            for scope, start, end in zip(scopes.tolist(), ends, ends[1:], strict=False)
        ]
    return series


def seal(folder: Path, disk: Disk, number: int, name: str) -> MetricBlock:
    """Turn a checkpointed generation into a block."""
    known = manifest.load(folder)
    generation = next(one for one in known.generations if one.number == number)
    file = next(one for one in known.series if one.epoch == generation.epoch)
    series = _epoch_series(folder, file, known.tenants)
    parts = list(columns.read_samples(folder / "head" / generation.name, generation.bytes))
    return _sorted_block(folder / "metrics", disk, name, 0, series, parts)


def merge(folder: Path, disk: Disk, name: str, blocks: Sequence[MetricBlock]) -> MetricBlock:
    """Merge blocks, oldest intake first: of two samples at one time the first to come stays."""
    numbers: dict[BlockSeries, int] = {}
    parts = []
    for meta in blocks:
        reader = Block(folder / "metrics", meta)
        mapping = np.array([numbers.setdefault(one, len(numbers)) for one in reader.series()], np.int32)
        samples = reader.samples()
        parts.append(Columns(mapping[samples.series], samples.times, samples.values))
    level = max(meta.level for meta in blocks) + 1
    return _sorted_block(folder / "metrics", disk, name, level, list(numbers), parts)


def plan_merge(known: Manifest, now_ms: int) -> list[MetricBlock]:
    """Choose blocks to merge next: the small ones of one day, oldest day first; the order is that of intake.

    Pure. Returns an empty list when there is nothing worth doing. A day that is over is merged even when it
    has few blocks; a running one waits for `_LEAST_MERGED`, so that each sample is rewritten a few times at most.
    """
    by_day: dict[int, list[MetricBlock]] = {}
    for one in known.metric_blocks:
        by_day.setdefault(one.min_ms // DAY_MS, []).append(one)
    for day, blocks in sorted(by_day.items()):
        least = 2 if (day + 1) * DAY_MS < now_ms - DAY_MS // 12 else _LEAST_MERGED
        for level in sorted({one.level for one in blocks}):
            chosen: list[MetricBlock] = []
            for one in (one for one in blocks if one.level <= level):
                if sum(other.samples for other in chosen) + one.samples <= LARGEST:
                    chosen.append(one)
            if len(chosen) >= least:
                return chosen
    return []


def main(arguments: Sequence[str]) -> None:
    """Run one job from its command line and print the block."""
    kind, folder, *rest = arguments
    if kind == "seal":
        made = seal(Path(folder), LocalDisk(), int(rest[0]), rest[1])
    elif kind == "merge":
        known = {one.name: one for one in manifest.load(Path(folder)).metric_blocks}
        made = merge(Path(folder), LocalDisk(), rest[0], [known[name] for name in rest[1:]])
    else:
        raise Permanent(f"unknown job {kind!r}: use seal or merge")
    sys.stdout.write(json.dumps(asdict(made)))


if __name__ == "__main__":
    main(sys.argv[1:])
