"""What the store does between requests: checkpoints, sealing, merging, and forgetting what is too old.

Each step writes files first, syncs them, and then commits a manifest that names them; a step that fails leaves the
manifest as it was and is tried again. One step runs at a time.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from steersman.runtime.telemetry import columns, manifest, sealing
from steersman.runtime.telemetry.events import compact
from steersman.runtime.telemetry.events.block import EventBlock
from steersman.runtime.telemetry.manifest import GenerationFile, Manifest, MetricBlock, SeriesFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steersman.runtime.telemetry.events.store import EventStore
    from steersman.runtime.telemetry.events.tail import Frozen
    from steersman.runtime.telemetry.metrics import Pending
    from steersman.runtime.telemetry.store import TelemetryStore

Result = TypeVar("Result")

_TICK_SECONDS = 1.0
_TIDY_SECONDS = 60.0
#: Disk space is compared against the limit with this much slack, so that retention does not nibble at every pass.
_SIZE_SLACK = 0.95


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What one checkpoint writes: everything that was applied up to record `seq`."""

    seq: int
    pending: tuple[Pending, ...]
    frozen: tuple[tuple[EventStore, Frozen], ...]
    tenants: tuple[str, ...]
    metadata: tuple[tuple[str, str, str, str, str], ...]


class ChildFailed(RuntimeError):
    """A process that should have written a block ended otherwise; its error output is in the message."""


async def _to_the_end(function: Callable[..., Result], *arguments: object) -> Result:
    """Run a function on a thread and wait for it even when cancelled: half a commit must not go unnoticed."""
    work = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and (task := asyncio.current_task()) is not None:
        # Delivered at the next await, after the caller has taken note of the result.
        task.cancel()
    return work.result()


class Upkeep:
    """The store's housekeeper; runs on the store's event loop."""

    def __init__(self, store: TelemetryStore) -> None:
        self._store = store
        self._one_at_a_time = asyncio.Lock()
        self.checkpoints = 0
        self.last_checkpoint = store.clock.monotonic()

    @property
    def due(self) -> bool:
        """Whether so much has come in that a checkpoint should not wait for its time."""
        return self._store.live.pending_samples >= self._store.options.checkpoint_samples

    async def run(self) -> None:
        """Keep the store in shape until cancelled. What fails is raised, and the supervisor starts this again."""
        store, clock = self._store, self._store.clock
        while not store.ready:
            await clock.sleep(0.2)
        # A checkpoint comes before anything that may fail again and again: without it the log grows for ever.
        await self.checkpoint()
        await self.finish_sealing()
        seals = tidied = clock.monotonic()
        while True:
            await clock.sleep(_TICK_SECONDS)
            now = clock.monotonic()
            if self.due or now - self.last_checkpoint >= store.options.checkpoint_seconds:
                await self.checkpoint()
            if self.head_is_full or now - seals >= store.options.head_seconds:
                seals = now
                await self.seal()
            if now - tidied >= _TIDY_SECONDS:
                tidied = now
                now_ms = clock.wall_ns() // 1_000_000
                await self.retain(now_ms)
                while await self.merge(now_ms):
                    pass

    @property
    def head_is_full(self) -> bool:
        """Whether the head holds so much that it should be sealed early."""
        options, live = self._store.options, self._store.live
        return live.current.memory > max(options.head_bytes, options.head_bytes_per_series * live.series.size)

    async def checkpoint(self, *, rotate: bool = False) -> None:
        """Write everything applied so far; the log behind it is dropped. `rotate` begins a new generation too.

        Raises `OSError` when the disk refuses; nothing is lost then, and the log keeps growing instead.
        """
        async with self._one_at_a_time:
            await self._checkpoint(rotate=rotate)

    async def _checkpoint(self, *, rotate: bool) -> None:
        store = self._store
        written = store.applied_seq == store.manifest.applied_seq and not store.live.unwritten
        if not store.ready or (written and not rotate):
            return
        snapshot = self._snapshot()
        if rotate:
            # In the same turn of the loop as the snapshot, so that no sample falls between the generations.
            store.live.rotate()
        try:
            known, blocks = await _to_the_end(self._write, store.manifest, snapshot)
        except OSError:
            store.live.give_back(snapshot.pending)
            for events, frozen in snapshot.frozen:
                events.abandon(frozen)
            raise
        store.manifest = known
        for (events, frozen), made in zip(snapshot.frozen, blocks, strict=True):
            events.commit(frozen, made)
        if store.log is not None:
            store.log.drop_through(snapshot.seq)
        self.checkpoints += 1
        self.last_checkpoint = store.clock.monotonic()

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

    def _append(self, name: str, size: int, buffers: Sequence[bytes]) -> int:
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

    # ------------------------------------------------------------------ blocks

    async def seal(self) -> None:
        """Turn the present generation into a block, by a process that reads the checkpoint."""
        if self._store.live.current.samples:
            await self.checkpoint(rotate=True)
        await self.finish_sealing()

    async def finish_sealing(self) -> None:
        """Seal every generation that no longer takes samples, also those that a kill left behind."""
        async with self._one_at_a_time:
            store = self._store
            if store.live.unwritten:
                # A generation whose last samples did not reach the disk must not be taken for whole.
                await self._checkpoint(rotate=False)
            for file in store.manifest.generations:
                if file.number == store.live.current.number:
                    continue
                if file.samples:
                    await self._seal(file)
                else:
                    await self._replace_generation(file, ())

    async def _seal(self, file: GenerationFile) -> None:
        name = await self._next_name()
        text = await self._child("sealing", "seal", str(self._store.folder), str(file.number), name)
        await self._replace_generation(file, (MetricBlock(**json.loads(text)),))

    async def _replace_generation(self, file: GenerationFile, blocks: tuple[MetricBlock, ...]) -> None:
        store, known = self._store, self._store.manifest
        generations = tuple(one for one in known.generations if one.number != file.number)
        epochs = {one.epoch for one in generations} | {store.live.epoch}
        series = tuple(one for one in known.series if one.epoch in epochs)
        fresh = replace(known, generations=generations, series=series, metric_blocks=(*known.metric_blocks, *blocks))
        await self._commit(fresh, "metrics")
        store.live.drop(file.number)

    async def _next_name(self) -> str:
        """Reserve a file name for good, so that a half-written block of a killed process is never taken for another."""
        store = self._store
        number = store.manifest.next_file
        await self._commit(replace(store.manifest, next_file=number + 1), "metrics")
        return f"block-{number:08d}"

    async def _commit(self, fresh: Manifest, *folders: str, on_commit: Callable[[], None] = lambda: None) -> None:
        """Sync the folders, make `fresh` the truth, tell the readers, and delete what is no longer named."""
        store, before = self._store, self._store.manifest

        def write() -> None:
            for folder in folders:
                store.disk.sync_folder(store.folder / folder)
            manifest.commit(store.folder, store.disk, fresh)

        await _to_the_end(write)
        store.manifest = fresh
        store.queries.use(fresh.metric_blocks)
        on_commit()
        for name in before.file_names() - fresh.file_names():
            store.disk.remove(store.folder / name)

    async def _child(self, module: str, *arguments: str, sending: bytes = b"") -> bytes:
        """Run a module of this package in a process that ends, and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"steersman.runtime.telemetry.{module}", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await process.communicate(sending)
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            last = errors.decode(errors="replace").strip().splitlines()[-1:]
            raise ChildFailed(f"{module} ended with {process.returncode}: {' '.join(last)}")
        return output

    async def merge(self, now_ms: int) -> bool:
        """Merge some small blocks into a larger one; say whether there were any."""
        async with self._one_at_a_time:
            store = self._store
            chosen = sealing.plan_merge(store.manifest, now_ms)
            if chosen:
                await self._merge_metrics(chosen)
                return True
            plans = compact.plan(store.manifest.event_blocks, now_ms * 1_000_000)
            if plans:
                await self._merge_events(plans[0])
            return bool(plans)

    async def _merge_metrics(self, chosen: Sequence[MetricBlock]) -> None:
        name = await self._next_name()
        names = [one.name for one in chosen]
        text = await self._child("sealing", "merge", str(self._store.folder), name, *names)
        made = MetricBlock(**json.loads(text))
        before = self._store.manifest.metric_blocks
        # The merged block takes the place of the oldest, because the order of blocks is that of intake.
        first = next(i for i, one in enumerate(before) if one.name in names)
        blocks = [one for one in before if one.name not in names]
        blocks.insert(first, made)
        await self._commit(replace(self._store.manifest, metric_blocks=tuple(blocks)), "metrics")

    async def _merge_events(self, chosen: Sequence[EventBlock]) -> None:
        store, kind = self._store, chosen[0].kind
        asked = json.dumps([one.to_json() for one in chosen]).encode() + b"\n"
        folder = str(store.folder / kind)
        text = await self._child("events.compact", folder, "--tokenize", store.engine.tokenizer, sending=asked)
        made = EventBlock.from_json(json.loads(text))
        names = {one.name for one in chosen}
        kept = tuple(one for one in store.manifest.event_blocks if one.name not in names)
        events = next(one for one in (store.logs, store.spans, store.exemplars) if one.schema.kind == kind)
        await self._commit(
            replace(store.manifest, event_blocks=(*kept, made)), kind, on_commit=lambda: events.swap(names, [made])
        )

    # ------------------------------------------------------------------ retention

    async def retain(self, now_ms: int) -> list[str]:
        """Drop blocks past retention, then the oldest ones while the store is too large. Returns their names."""
        async with self._one_at_a_time:
            store = self._store
            doomed = expired(store.manifest, now_ms - int(store.options.retention_seconds * 1000))
            doomed |= surplus(store.manifest, doomed, store.options.retention_bytes)
            if doomed:
                await self._drop_blocks(doomed)
            return sorted(doomed)

    async def _drop_blocks(self, doomed: set[str]) -> None:
        store, known = self._store, self._store.manifest
        fresh = replace(
            known,
            metric_blocks=tuple(one for one in known.metric_blocks if one.name not in doomed),
            event_blocks=tuple(one for one in known.event_blocks if one.name not in doomed),
        )
        stores = (store.logs, store.spans, store.exemplars)

        def forget() -> None:
            for events in stores:
                events.drop(doomed)

        await self._commit(fresh, on_commit=forget)


def expired(known: Manifest, before_ms: int) -> set[str]:
    """Return the names of the blocks whose newest record is older than a time. Pure."""
    names = {one.name for one in known.metric_blocks if one.max_ms < before_ms}
    return names | {one.name for one in known.event_blocks if one.max_ns < before_ms * 1_000_000}


def surplus(known: Manifest, doomed: set[str], limit: int) -> set[str]:
    """Return the oldest blocks, besides the doomed, that have to go so that the rest fits the limit (0: none). Pure."""
    blocks = [(one.max_ms * 1_000_000, one.name, one.bytes) for one in known.metric_blocks]
    blocks += [(one.max_ns, one.name, one.bytes) for one in known.event_blocks]
    left = sorted(one for one in blocks if one[1] not in doomed)
    total = sum(size for _, _, size in left)
    if not limit or total <= limit:
        return set()
    names = set()
    for _, name, size in left:
        if total <= limit * _SIZE_SLACK:
            break
        names.add(name)
        total -= size
    return names
