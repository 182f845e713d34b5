"""Reads a whole store and says what is wrong with it. Changes nothing; meant for a store that nobody has open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.errors import Permanent
from steersman.runtime.telemetry import columns, manifest, wal
from steersman.runtime.telemetry.block import Block
from steersman.runtime.telemetry.disk import LocalDisk
from steersman.runtime.telemetry.events.schema import SCHEMAS
from steersman.runtime.telemetry.events.store import EventStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from steersman.runtime.telemetry.manifest import Manifest
    from steersman.runtime.telemetry.ports import Engine


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the file, relative to the store's folder, and what."""

    file: str
    detail: str


def verify(folder: Path, engine: Engine) -> list[Problem]:
    """Check every file that the manifest names, the log behind it, and that they belong together."""
    try:
        known = manifest.load(folder)
    except Permanent as error:
        return [Problem(manifest.NAME, error.message)]
    return [
        *_head(folder, known),
        *_metric_blocks(folder, known),
        *_events(folder, known, engine),
        *_log(folder, known),
    ]


def _head(folder: Path, known: Manifest) -> Iterator[Problem]:
    sizes = {}
    for file in known.series:
        name = f"head/{file.name}"
        try:
            frames = list(columns.read_series(folder / name, file.bytes))
        except (OSError, Permanent) as error:
            yield Problem(name, str(error))
            continue
        sizes[file.epoch] = sum(scopes.size for scopes, _, _ in frames)
        scopes_known = all(scopes.size == 0 or scopes.max() < len(known.tenants) for scopes, _, _ in frames)
        if not scopes_known:
            yield Problem(name, "a series belongs to a tenant that the manifest does not name")
    for generation in known.generations:
        name = f"head/{generation.name}"
        try:
            batches = list(columns.read_samples(folder / name, generation.bytes))
        except (OSError, Permanent) as error:
            yield Problem(name, str(error))
            continue
        if sum(batch.series.size for batch in batches) != generation.samples:
            yield Problem(name, f"the manifest says {generation.samples} samples")
        highest = max((int(np.max(batch.series)) for batch in batches if batch.series.size), default=-1)
        if highest >= sizes.get(generation.epoch, 0):
            yield Problem(name, f"series {highest} is not in the series file of epoch {generation.epoch}")


def _metric_blocks(folder: Path, known: Manifest) -> Iterator[Problem]:
    for meta in known.metric_blocks:
        for detail in Block(folder / "metrics", meta).problems():
            yield Problem(f"metrics/{meta.name}", detail)


def _events(folder: Path, known: Manifest, engine: Engine) -> Iterator[Problem]:
    for kind, schema in SCHEMAS.items():
        store = EventStore(schema, folder / kind, LocalDisk(), engine.tokenize, lambda: 0.0)
        for block in known.event_blocks:
            if block.kind == kind:
                for detail in store.verify(block):
                    yield Problem(f"{kind}/{block.name}", detail)


def _log(folder: Path, known: Manifest) -> Iterator[Problem]:
    paths = wal.segments(folder / "wal")
    try:
        for _ in wal.replay(paths, known.applied_seq):
            pass
    except Permanent as error:
        yield Problem("wal", error.message)
