"""What the store does at leisure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from steersman.runtime.telemetry import upkeep
from steersman.runtime.telemetry.events.compact import FAN_IN

Begin = Callable[..., Any]


@pytest.mark.parametrize(("here", "processes"), [(1 << 20, 0), (0, 1)])
def test_only_large_event_blocks_are_merged_in_a_process_of_their_own(
    here: int, processes: int, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_BYTES_MERGED_HERE", here)
    children: list[str] = []

    async def run() -> None:
        async with begin() as life:
            really = life.store.upkeep._child

            async def counting(module: str, *arguments: str, sending: bytes = b"") -> bytes:
                children.append(module)
                output: bytes = await really(module, *arguments, sending=sending)
                return output

            monkeypatch.setattr(life.store.upkeep, "_child", counting)
            for n in range(FAN_IN):
                await life.lines(f"line {n}")
                await life.store.checkpoints.write()
            await life.store.upkeep.tidy(life.now_ms)
            assert children == ["events.compact"] * processes
            assert [one.rows for one in life.store.manifest.event_blocks] == [FAN_IN]
            assert life.found_lines() == [f"line {n}" for n in range(FAN_IN)]

    asyncio.run(run())


def test_a_wall_clock_that_is_set_ahead_deletes_nothing(begin: Begin) -> None:
    """Retention goes by the time that has passed; real time still makes data old."""

    async def run() -> None:
        async with begin(retention_seconds=3600) as life:
            await life.lines("precious")
            await life.store.checkpoints.write()
            life.clock.jump_wall(40 * 86_400)
            assert await life.store.upkeep.retain(life.store.upkeep.trusted_ms()) == []
            life.clock.jump_wall(-40 * 86_400)
            life.clock.tick(4000)
            assert len(await life.store.upkeep.retain(life.store.upkeep.trusted_ms())) == 1

    asyncio.run(run())
