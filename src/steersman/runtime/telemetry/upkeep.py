"""What the store does at leisure: sealing, merging, and forgetting what is too old.

The heavy work is done by processes that end; they write files, and the result is committed here. A step that fails
leaves the manifest as it was and is tried again. One step runs at a time, and checkpoints go on beside it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steersman.runtime.telemetry import sealing
from steersman.runtime.telemetry.commits import to_the_end
from steersman.runtime.telemetry.events import compact, naming
from steersman.runtime.telemetry.events.block import EventBlock
from steersman.runtime.telemetry.manifest import GenerationFile, Manifest, MetricBlock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steersman.runtime.telemetry.events.naming import Masker, Wanted
    from steersman.runtime.telemetry.store import TelemetryStore

_TICK_SECONDS = 1.0
_TIDY_SECONDS = 60.0
#: Disk space is compared against the limit with this much slack, so that retention does not nibble at every pass.
_SIZE_SLACK = 0.95
#: Event blocks of so many bytes are merged on a thread: a process would take a second of CPU and 100 MB for them.
_BYTES_MERGED_HERE = 1 << 20


class ChildFailed(RuntimeError):
    """A process that should have written a block ended otherwise; its error output is in the message."""


class Upkeep:
    """The store's housekeeper; runs on the store's event loop."""

    def __init__(self, store: TelemetryStore) -> None:
        self._store = store
        self._one_at_a_time = asyncio.Lock()
        self._began = store.clock.wall_ns(), store.clock.monotonic()

    async def run(self) -> None:
        """Keep the store in shape until cancelled. What fails is raised, and the supervisor starts this again."""
        store, clock = self._store, self._store.clock
        while not store.ready:
            await clock.sleep(0.2)
        # Retention comes before anything that may fail again and again: on a full disk it makes the room.
        await self.retain(self.trusted_ms())
        await self.finish_sealing()
        sealed = tidied = clock.monotonic()
        while True:
            await clock.sleep(_TICK_SECONDS)
            now = clock.monotonic()
            if self.head_is_full or now - sealed >= store.options.head_seconds:
                sealed = now
                await self.seal()
            if now - tidied >= _TIDY_SECONDS:
                tidied = now
                await self.tidy(self.trusted_ms())

    def trusted_ms(self) -> int:
        """The time by which data may be deleted: a wall clock that is set ahead while this runs deletes nothing."""
        clock, (wall_ns, monotonic) = self._store.clock, self._began
        passed_ns = int((clock.monotonic() - monotonic) * 1_000_000_000)
        return min(clock.wall_ns(), wall_ns + passed_ns) // 1_000_000

    async def tidy(self, now_ms: int) -> None:
        """Drop what is too old, then merge until there is nothing left to merge."""
        await self.retain(now_ms)
        while await self.merge(now_ms):
            pass

    @property
    def head_is_full(self) -> bool:
        """Whether the head holds so much that it should be sealed early."""
        options, live = self._store.options, self._store.live
        return live.current.memory > max(options.head_bytes, options.head_bytes_per_series * live.series.size)

    # ------------------------------------------------------------------ sealing

    async def seal(self) -> None:
        """Turn the present generation into a block, by a process that reads the checkpoint."""
        if self._store.live.current.samples:
            await self._store.checkpoints.write(rotate=True)
        await self.finish_sealing()

    async def finish_sealing(self) -> None:
        """Seal every generation that no longer takes samples, also those that a kill left behind."""
        async with self._one_at_a_time:
            store = self._store
            if store.live.unwritten:
                # A generation whose last samples did not reach the disk must not be taken for whole.
                await store.checkpoints.write()
            for file in store.manifest.generations:
                if file.number != store.live.current.number:
                    await self._replace_generation(file, await self._sealed(file) if file.samples else ())

    async def _sealed(self, file: GenerationFile) -> tuple[MetricBlock]:
        name = await self._next_name()
        text = await self._child("sealing", "seal", str(self._store.folder), str(file.number), name)
        return (MetricBlock(**json.loads(text)),)

    async def _replace_generation(self, file: GenerationFile, blocks: tuple[MetricBlock, ...]) -> None:
        store = self._store

        def change(known: Manifest) -> Manifest:
            generations = tuple(one for one in known.generations if one.number != file.number)
            epochs = {one.epoch for one in generations} | {store.live.epoch}
            series = tuple(one for one in known.series if one.epoch in epochs)
            merged = (*known.metric_blocks, *blocks)
            return replace(known, generations=generations, series=series, metric_blocks=merged)

        def then(fresh: Manifest) -> None:
            store.queries.use(fresh.metric_blocks)
            store.live.drop(file.number)

        await store.commits.change(change, "metrics", then=then)

    async def _next_name(self) -> str:
        """Reserve a file name for good, so that a half-written block of a killed process is never taken for another."""
        commits = self._store.commits
        await commits.change(lambda known: replace(known, next_file=known.next_file + 1), then=lambda _: None)
        return f"block-{commits.current.next_file - 1:08d}"

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

    # ------------------------------------------------------------------ merging

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
        store, names = self._store, [one.name for one in chosen]
        name = await self._next_name()
        made = MetricBlock(**json.loads(await self._child("sealing", "merge", str(store.folder), name, *names)))

        def change(known: Manifest) -> Manifest:
            # The merged block takes the place of the oldest, because the order of blocks is that of intake.
            first = next(i for i, one in enumerate(known.metric_blocks) if one.name in names)
            blocks = [one for one in known.metric_blocks if one.name not in names]
            blocks.insert(first, made)
            return replace(known, metric_blocks=tuple(blocks))

        await store.commits.change(change, "metrics", then=lambda fresh: store.queries.use(fresh.metric_blocks))

    async def _merge_events(self, chosen: Sequence[EventBlock]) -> None:
        await self._swap(chosen, await self._merged(chosen))

    async def _swap(self, old: Sequence[EventBlock], made: EventBlock) -> None:
        """Put a block in the place of those that it was made from."""
        store, kind, names = self._store, made.kind, {one.name for one in old}
        events = next(one for one in (store.logs, store.spans, store.exemplars) if one.schema.kind == kind)

        def change(known: Manifest) -> Manifest:
            kept = tuple(one for one in known.event_blocks if one.name not in names)
            return replace(known, event_blocks=(*kept, made))

        await store.commits.change(change, kind, then=lambda _: events.swap(names, [made]))

    async def _merged(self, chosen: Sequence[EventBlock]) -> EventBlock:
        store, folder = self._store, self._store.folder / chosen[0].kind
        if sum(one.bytes for one in chosen) <= _BYTES_MERGED_HERE:
            return await to_the_end(compact.compact, chosen, folder, store.disk, store.engine.tokenize)
        asked = json.dumps([one.to_json() for one in chosen]).encode() + b"\n"
        named = ("--tokenize", store.engine.tokenizer)
        text = await self._child("events.compact", str(folder), *named, sending=asked)
        return EventBlock.from_json(json.loads(text))

    # ------------------------------------------------------------------ forgetting

    async def without(self, block: EventBlock, wanted: Wanted, masker: Masker) -> bool:
        """Write a block again without somebody; False where it is gone, merged with others meanwhile."""
        async with self._one_at_a_time:
            store, folder = self._store, self._store.folder / block.kind
            if block not in store.manifest.event_blocks:
                return False
            if block.bytes <= _BYTES_MERGED_HERE:
                given = block, folder, store.disk, wanted, store.engine.tokenize, masker.mask
                await self._swap([block], await to_the_end(naming.rewritten, *given))
                return True
            asked = json.dumps({"block": block.to_json(), "wanted": wanted.to_json()}).encode() + b"\n"
            named = ("--tokenize", store.engine.tokenizer, "--mask", masker.name)
            text = await self._child("events.naming", str(folder), *named, sending=asked)
            await self._swap([block], EventBlock.from_json(json.loads(text)))
            return True

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
        store = self._store

        def change(known: Manifest) -> Manifest:
            return replace(
                known,
                metric_blocks=tuple(one for one in known.metric_blocks if one.name not in doomed),
                event_blocks=tuple(one for one in known.event_blocks if one.name not in doomed),
            )

        def then(fresh: Manifest) -> None:
            store.queries.use(fresh.metric_blocks)
            for events in (store.logs, store.spans, store.exemplars):
                events.drop(doomed)

        await store.commits.change(change, then=then)


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
