"""What happens when logs and spans come in faster than they can be written."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import Temporary
from steersman.runtime.telemetry.disk import LocalDisk

Begin = Callable[..., Any]
LIMIT = 10_000


class NoRoomForBlocks(LocalDisk):
    """A disk on which the log can grow and no block can be written, until `room` is set."""

    room = False

    def write_file(self, path: Path, buffers: Any) -> None:
        if path.suffix == ".parquet" and not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write_file(path, buffers)


@pytest.mark.parametrize("sent", ["lines", "spans"])
def test_a_checkpoint_is_due_when_enough_logs_or_spans_wait(sent: str, begin: Begin) -> None:
    async def run() -> None:
        async with begin(checkpoint_event_bytes=LIMIT) as life:
            send = getattr(life, sent)
            await send("a")
            assert not life.store.checkpoints.due
            await send("b" * LIMIT)
            assert life.store.checkpoints.due
            await life.store.checkpoints.write()
            assert not life.store.checkpoints.due
            assert life.store.waiting_event_bytes == 0

    asyncio.run(run())


def test_logs_are_refused_while_too_many_wait_and_samples_are_not(begin: Begin) -> None:
    async def run() -> None:
        disk = NoRoomForBlocks()
        async with begin(disk, checkpoint_event_bytes=LIMIT) as life:
            await life.lines("a" * 4 * LIMIT)
            with pytest.raises(Temporary, match="more logs and spans"):
                await life.lines("too many")
            with pytest.raises(OSError, match="No space"):
                await life.store.checkpoints.write()
            with pytest.raises(Temporary, match="more logs and spans"):
                await life.spans("too many")
            assert (await life.samples([("up", 0, 1.0)])).samples == 1
            disk.room = True
            await life.store.checkpoints.write()
            assert (await life.lines("again")).logs == 1
            assert life.found_lines() == ["a" * 4 * LIMIT, "again"]

    asyncio.run(run())
