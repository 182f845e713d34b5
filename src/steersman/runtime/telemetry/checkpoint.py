"""Checkpoints: what was applied goes into files that a start reads in one go, and the log behind it is dropped.

Files are written and synced first, then a manifest names them. A checkpoint that fails leaves the manifest as it
was, its samples and rows wait for the next one, and the log keeps what they came from.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from steersman.runtime.process import give_memory_back
from steersman.runtime.telemetry import columns, manifest
from steersman.runtime.telemetry.commits import to_the_end
from steersman.runtime.telemetry.manifest import GenerationFile, Manifest, SeriesFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steersman.runtime.telemetry.disk import Buffer
    from steersman.runtime.telemetry.events.block import EventBlock
    from steersman.runtime.telemetry.events.store import EventStore
    from steersman.runtime.telemetry.events.tail import Frozen
    from steersman.runtime.telemetry.metrics import Pending
    from steersman.runtime.telemetry.store import TelemetryStore

_TICK_SECONDS = 1.0
#: After a refusal: soon enough for a person who has made room, seldom enough for the work of each attempt.
_RETRY_SECONDS = 5.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What one checkpoint writes: everything that was applied up to record `seq`."""

    seq: int
    pending: tuple[Pending, ...]
    frozen: tuple[tuple[EventStore, Frozen], ...]
    tenants: tuple[str, ...]
    metadata: tuple[tuple[str, str, str, str, str], ...]


class Checkpoints:
    """Writes the store's checkpoints; runs on the store's event loop."""

    def __init__(self, store: TelemetryStore) -> None:
        self._store = store
        self.total = 0
        self.last = store.clock.monotonic()
        #: Why the last one could not be written; empty when it was.
        self.trouble = ""

    @property
    def due(self) -> bool:
        """Whether a checkpoint should not wait for its time: so much has come in, or the log needs room."""
        store, options = self._store, self._store.options
        events = store.logs.tail_bytes + store.spans.tail_bytes + store.exemplars.tail_bytes
        much = store.live.pending_samples >= options.checkpoint_samples or events >= options.checkpoint_event_bytes
        return much or bool(store.refusing)

    async def run(self) -> None:
        """Write checkpoints in time until cancelled. A disk that refuses is asked again in a moment."""
        store, clock = self._store, self._store.clock
        while not store.ready:
            await clock.sleep(0.2)
        await self._try_to_write()
        while True:
            await clock.sleep(_RETRY_SECONDS if self.trouble else _TICK_SECONDS)
            if self.due:
                await self._try_to_write()
            elif clock.monotonic() - self.last >= store.options.checkpoint_seconds:
                before = self.total
                await self._try_to_write()
                if self.total > before:
                    # Not after the others: while much comes in, the same memory is needed again at once.
                    await asyncio.to_thread(give_memory_back)

    async def _try_to_write(self) -> None:
        before = self.trouble
        with contextlib.suppress(OSError):
            await self.write()
        if self.trouble and not before:
            _log.error("no checkpoint can be written, so the log grows", reason=self.trouble)
        elif before and not self.trouble:
            _log.info("checkpoints are written again")

    async def write(self, *, rotate: bool = False) -> None:
        """Write everything applied so far; the log behind it is dropped. `rotate` begins a new generation too.

        Raises `OSError` when the disk refuses; nothing is lost then, and the log keeps growing instead.
        """
        async with self._store.commits.lock:
            await self._write_locked(rotate=rotate)

    async def _write_locked(self, *, rotate: bool) -> None:
        store = self._store
        written = store.applied_seq == store.manifest.applied_seq and not store.live.unwritten
        if not store.ready or (written and not rotate):
            return
        snapshot = self._snapshot()
        if rotate:
            # In the same turn of the loop as the snapshot, so that no sample falls between the generations.
            store.live.rotate()
        try:
            known, blocks = await to_the_end(self._write, store.manifest, snapshot)
        except OSError as error:
            self.trouble = str(error.strerror or error)
            store.live.give_back(snapshot.pending)
            for events, frozen in snapshot.frozen:
                events.abandon(frozen)
            raise
        store.commits.current = known
        for (events, frozen), made in zip(snapshot.frozen, blocks, strict=True):
            events.commit(frozen, made)
        if store.log is not None:
            store.log.drop_through(snapshot.seq)
        self.trouble = ""
        self.total += 1
        self.last = store.clock.monotonic()

    def _snapshot(self) -> _Snapshot:
        store = self._store
        frozen = [(events, events.freeze()) for events in (store.logs, store.spans, store.exemplars)]
        return _Snapshot(
            seq=store.applied_seq,
            pending=store.live.take_pending(),
            frozen=tuple((events, one) for events, one in frozen if one is not None),
            tenants=tuple(store.live.series.tenants),
            metadata=tuple(
                (tenant, one.name, one.type.value, one.help, one.unit) for (tenant, _), one in store.metadata.items()
            ),
        )

    def _write(self, known: Manifest, snapshot: _Snapshot) -> tuple[Manifest, list[EventBlock]]:
        """Write the files of a checkpoint and commit them. Runs on a thread."""
        store = self._store
        series, generations = known.series, known.generations
        for pending in snapshot.pending:
            series = self._write_series(series, pending)
            generations = self._write_samples(generations, pending)
        blocks = [events.write(frozen) for events, frozen in snapshot.frozen]
        for folder in ("head", *(one.kind.value for one in blocks)):
            store.disk.sync_folder(store.folder / folder)
        fresh = replace(
            known,
            applied_seq=snapshot.seq,
            tenants=snapshot.tenants,
            series=series,
            generations=generations,
            event_blocks=(*known.event_blocks, *blocks),
            metadata=snapshot.metadata,
        )
        manifest.commit(store.folder, store.disk, fresh)
        return fresh, blocks

    def _append(self, name: str, size: int, buffers: Sequence[Buffer]) -> int:
        """Append to a file of the head behind its first `size` bytes, the only ones that count; return its new size."""
        disk = self._store.disk
        file = disk.open_append(self._store.folder / "head" / name)
        try:
            if file.size != size:
                file.truncate(size)
            file.append(buffers)
            file.sync()
            return file.size
        finally:
            file.close()

    def _write_series(self, known: tuple[SeriesFile, ...], pending: Pending) -> tuple[SeriesFile, ...]:
        found = next((one for one in known if one.epoch == pending.epoch), None)
        file = found or SeriesFile(pending.epoch, f"series-{pending.epoch:06d}", 0)
        if pending.last_series > pending.first_series:
            exported = pending.series.export(pending.first_series, pending.last_series)
            file = replace(file, bytes=self._append(file.name, file.bytes, columns.series_frame(*exported)))
        elif found is None:
            self._append(file.name, 0, [])
        return (*(one for one in known if one.epoch != pending.epoch), file)

    def _write_samples(self, known: tuple[GenerationFile, ...], pending: Pending) -> tuple[GenerationFile, ...]:
        found = next((one for one in known if one.number == pending.generation), None)
        file = found or GenerationFile(pending.generation, pending.epoch, f"samples-{pending.generation:06d}", 0, 0)
        if pending.batches:
            size = self._append(file.name, file.bytes, columns.sample_frames(pending.batches))
            added = sum(batch.times.size for batch in pending.batches)
            file = replace(file, bytes=size, samples=file.samples + added)
        elif found is None:
            self._append(file.name, 0, [])
        return (*(one for one in known if one.number != pending.generation), file)
