"""Merges small blocks into large ones, in a process of its own that ends, so that its memory goes back.

`plan` decides and does nothing else; `compact` writes new files and removes none: the old blocks stay true until
the manifest has replaced them. Run as `python -m steersman.runtime.telemetry.events.compact`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.events.block import EventBlock, read_all, write_block
from steersman.runtime.telemetry.events.schema import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steersman.runtime.telemetry.disk import Disk
    from steersman.runtime.telemetry.events.schema import Tokenize

#: A block of so many rows is not merged again; merging holds about 2 KB a row for a short time.
FULL_ROWS = 500_000
#: Nor is one of so many bytes on disk: text that packs well unpacks to tens of times as much.
FULL_BYTES = 32 << 20
#: Blocks of one size that must have gathered before they are merged: each row is written once per size.
FAN_IN = 8
_DAY_NS = 86_400 * 10**9


def _size_class(block: EventBlock) -> int:
    """Return which power of `FAN_IN` the rows are below."""
    size = 0
    rows = block.rows
    while rows >= FAN_IN:
        rows //= FAN_IN
        size += 1
    return size


def _is_full(block: EventBlock) -> bool:
    return block.rows >= FULL_ROWS or block.bytes >= FULL_BYTES


def _runs(blocks: Iterable[EventBlock], fan_in: int) -> list[list[EventBlock]]:
    """Cut blocks, in order of time, into runs that make at most one full block each."""
    runs: list[list[EventBlock]] = [[]]
    for block in blocks:
        run = runs[-1]
        rows = sum(other.rows for other in run) + block.rows
        size = sum(other.bytes for other in run) + block.bytes
        if run and (rows > FULL_ROWS or size > FULL_BYTES):
            runs.append([block])
        else:
            run.append(block)
    complete = [run for run in runs[:-1] if len(run) > 1]
    return [*complete, runs[-1]] if len(runs[-1]) >= fan_in else complete


def plan(blocks: Iterable[EventBlock], now_ns: int) -> list[list[EventBlock]]:
    """Return which blocks to merge with each other: of one kind and of one UTC day.

    Of a day that is over everything that is not full is merged; today's blocks wait for others of their size.
    """
    waiting = [block for block in blocks if not _is_full(block)]
    merges: list[list[EventBlock]] = []
    waiting.sort(key=lambda block: (block.kind, block.max_ns // _DAY_NS, block.max_ns, block.name))
    for (_, day), of_day in groupby(waiting, key=lambda block: (block.kind, block.max_ns // _DAY_NS)):
        members = list(of_day)
        if day < now_ns // _DAY_NS:
            merges += _runs(members, 2)
            continue
        members.sort(key=_size_class)
        for _, same in groupby(members, key=_size_class):
            merges += _runs(same, FAN_IN)
    return merges


def compact(blocks: Sequence[EventBlock], folder: Path, disk: Disk, tokenize: Tokenize) -> EventBlock:
    """Write one block that holds exactly the rows of `blocks`, which lie in the same folder."""
    import pyarrow as pa

    schema = SCHEMAS[blocks[0].kind]
    # In the order of arrival, so that rows of one time keep it.
    in_order = sorted(blocks, key=lambda block: (block.first_seq, block.name))
    table = pa.concat_tables([read_all(schema, folder / block.files[0]) for block in in_order])
    seqs = (min(block.first_seq for block in blocks), max(block.last_seq for block in blocks))
    level = max(block.level for block in blocks) + 1
    return write_block(schema, table, seqs, level, disk, folder, tokenize)


def named(spec: str) -> Tokenize:
    """Import `module:function`; the floors forbid this module to name the tokeniser itself."""
    module, _, name = spec.partition(":")
    function: Tokenize = getattr(importlib.import_module(module), name)
    return function


def main(arguments: Sequence[str] | None = None) -> int:
    """Read one JSON array of blocks per line from standard input; print the block made of each as JSON."""
    parser = argparse.ArgumentParser(description="merge event blocks")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenize", required=True, metavar="MODULE:FUNCTION")
    options = parser.parse_args(arguments)
    disk = LocalDisk()
    for line in sys.stdin:
        blocks = [EventBlock.from_json(value) for value in json.loads(line)]
        merged = compact(blocks, options.folder, disk, named(options.tokenize))
        disk.sync_folder(options.folder)
        print(json.dumps(merged.to_json()), flush=True)  # noqa: T201 -- the caller reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
