"""The real clock, and ids that only grow."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid

import pytest

from steersman.contract.fakes import FakeClock, SeededIds
from steersman.contract.ports import Clock, Ids
from steersman.runtime.clock import SystemClock
from steersman.runtime.ids import RandomIds


def test_the_real_clock_is_the_machine_s() -> None:
    clock = SystemClock()
    before, middle, after = time.time_ns(), clock.wall_ns(), time.time_ns()
    assert before <= middle <= after
    assert clock.monotonic() <= time.monotonic()


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()], ids=["real", "fake"])
def test_a_sleep_of_no_length_only_lets_others_run(clock: Clock) -> None:
    async def story() -> list[str]:
        seen: list[str] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(_note(seen, "other"))
            await clock.sleep(-1.0)
            seen.append("slept")
        return seen

    async def _note(seen: list[str], word: str) -> None:
        seen.append(word)

    assert asyncio.run(story()) == ["other", "slept"]


@pytest.mark.parametrize("ids", [RandomIds(SystemClock()), SeededIds()], ids=["real", "fake"])
def test_ids_are_version_7_unique_and_sorted(ids: Ids) -> None:
    made = [ids.new() for _ in range(5000)]
    assert made == sorted(set(made))
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in made[:10]} == {(7, uuid.RFC_4122)}


def test_ids_grow_while_the_wall_clock_is_set_back() -> None:
    clock = FakeClock()
    ids = RandomIds(clock)
    made = [ids.new()]
    for jump in (-3600.0, 0.0, 7200.0, -1.0):
        clock.jump_wall(jump)
        made += [ids.new(), ids.new()]
    assert made == sorted(set(made))


def test_a_full_millisecond_borrows_from_the_next() -> None:
    ids = RandomIds(FakeClock(), entropy=lambda bits: (1 << bits) - 1)
    made = [ids.new() for _ in range(3)]
    assert made == sorted(set(made))


def test_threads_never_get_the_same_id() -> None:
    ids, made = RandomIds(FakeClock()), []
    threads = [threading.Thread(target=lambda: made.extend([ids.new() for _ in range(1000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 4000


def test_a_seed_repeats_its_ids_and_another_gives_others() -> None:
    first, again, other = ([source.new() for _ in range(3)] for source in (SeededIds(1), SeededIds(1), SeededIds(2)))
    assert first == again != other
