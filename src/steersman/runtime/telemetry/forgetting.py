"""Finds what the stored logs and spans say about somebody, and takes them out of it.

First everything that was taken in goes into blocks, so that neither the log nor the head holds a raw request any more.
Then each block that names the person is written again and takes the old one's place, one commit each: a kill leaves
some blocks done and the others as they were, and doing it again does the rest. What comes in later is not looked at.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from steersman.model.errors import Temporary
from steersman.runtime.telemetry.events import naming
from steersman.runtime.telemetry.events.schema import TENANT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steersman.runtime.telemetry.events.block import EventBlock
    from steersman.runtime.telemetry.events.naming import Masker, Wanted
    from steersman.runtime.telemetry.events.store import EventStore
    from steersman.runtime.telemetry.store import TelemetryStore

_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Told:
    """Records that name somebody, by kind; `complete` is False where there are more than were asked for."""

    records: dict[str, list[dict[str, Any]]]
    complete: bool


async def tell(store: TelemetryStore, wanted: Wanted, most: int) -> Told:
    """Return the records that name somebody, at most so many of each kind."""
    await _into_blocks(store)
    told: dict[str, list[dict[str, Any]]] = {}
    complete = True
    for events in _kinds(store):
        rows = await _reading(store, events, partial(_rows, events, wanted, most + 1))
        told[events.schema.kind.value] = rows[:most]
        complete &= len(rows) <= most
    return Told(told, complete)


async def forget(store: TelemetryStore, wanted: Wanted, masker: Masker) -> dict[str, int]:
    """Take somebody out of every record that came in until now; return how many records of each kind named them."""
    await _leave_log(store)
    through, changed = store.manifest.applied_seq, dict[str, int]()
    for events in _kinds(store):
        clean: set[str] = set()
        total = 0
        while waiting := [one for one in _blocks(events, through) if one.name not in clean]:
            for block in waiting:
                total += await _forget_in(store, events, block, wanted, masker, clean)
        changed[events.schema.kind.value] = total
    return changed


async def _forget_in(
    store: TelemetryStore, events: EventStore, block: EventBlock, wanted: Wanted, masker: Masker, clean: set[str]
) -> int:
    """Clean one block and note it as clean. One that was merged meanwhile is not: the merged one is looked at next."""
    try:
        count = await asyncio.to_thread(naming.counted, events.schema, block, events.folder, wanted)
    except FileNotFoundError:
        if block in store.manifest.event_blocks:
            raise
        return 0
    if count and not await store.upkeep.without(block, wanted, masker):
        return 0
    clean.add(block.name)
    # Of its successor too, which nobody has merged with anything in this turn.
    clean.update(one.name for one in _blocks(events, block.last_seq) if _succeeds(one, block))
    return count


def _succeeds(one: EventBlock, block: EventBlock) -> bool:
    return (one.first_seq, one.last_seq, one.level) == (block.first_seq, block.last_seq, block.level + 1)


def _kinds(store: TelemetryStore) -> tuple[EventStore, ...]:
    return store.logs, store.spans, store.exemplars


def _blocks(events: EventStore, through: int) -> list[EventBlock]:
    return [one for one in events.blocks if one.first_seq <= through]


async def _into_blocks(store: TelemetryStore) -> None:
    """Write what is in memory to disk. Raises `Temporary` while the store is starting or its disk refuses."""
    if not store.ready:
        raise Temporary("the store is replaying its log; /readyz tells how far it is", retry_after=1.0)
    try:
        await store.checkpoints.write()
    except OSError as error:
        raise Temporary(f"what came in last cannot be written: {error.strerror or error}", retry_after=5.0) from error


async def _leave_log(store: TelemetryStore) -> None:
    """Let every raw request go that came in until now: once it is applied and a checkpoint holds it, its file goes."""
    await _into_blocks(store)
    if store.log is None:
        return
    try:
        last = await asyncio.wrap_future(store.log.leave_file())
        deadline = store.clock.monotonic() + _PATIENCE_SECONDS
        while store.manifest.applied_seq < last:
            if store.clock.monotonic() > deadline:
                raise Temporary("the store is busy: what came in last is not on disk yet", retry_after=5.0)
            await store.clock.sleep(_LOOK_SECONDS)
            await _into_blocks(store)
        await asyncio.to_thread(store.log.drop_left, last)
    except OSError as error:
        raise Temporary(f"the log cannot be left: {error.strerror or error}", retry_after=5.0) from error


async def _reading(
    store: TelemetryStore, events: EventStore, look: Callable[[EventBlock], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Look into every block; where one was merged meanwhile, begin anew, so that no row is told twice."""
    while True:
        found: list[dict[str, Any]] = []
        try:
            for block in sorted(events.blocks, key=lambda one: one.min_ns):
                found += await asyncio.to_thread(look, block)
        except FileNotFoundError:
            if block in store.manifest.event_blocks:
                raise
            continue
        return found


def _rows(events: EventStore, wanted: Wanted, most: int, block: EventBlock) -> list[dict[str, Any]]:
    return list(_limited(events, block, wanted, most))


def _limited(events: EventStore, block: EventBlock, wanted: Wanted, most: int) -> Iterator[dict[str, Any]]:
    for table in naming.found(events.schema, block, events.folder, wanted):
        for row in table.to_pylist():
            if most <= 0:
                return
            most -= 1
            yield {name: _plain(value) for name, value in row.items() if name != TENANT}


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
