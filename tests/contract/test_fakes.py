"""What only the fakes can do: move time, decide when work runs, stand in for a whole house."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from steersman.contract.fakes import (
    FakeClock,
    MemoryDatabase,
    MemoryDurableWork,
    MemoryJournal,
    MemorySettings,
    MemorySupervisor,
    fake_ports,
)
from steersman.contract.ports import JournalEntry
from steersman.model.errors import Conflict
from steersman.model.ids import DEFAULT_TENANT, Id


def test_time_moves_only_when_it_is_told_to() -> None:
    clock = FakeClock(wall_ns=1_000)
    before = (clock.wall_ns(), clock.monotonic())
    clock.tick(2.5)
    assert before == (1_000, 0.0)
    assert (clock.wall_ns(), clock.monotonic()) == (2_500_001_000, 2.5)


def test_the_wall_may_jump_while_monotonic_goes_on() -> None:
    clock = FakeClock(wall_ns=10_000_000_000)
    clock.jump_wall(-5.0)
    clock.tick(1.0)
    assert (clock.wall_ns(), clock.monotonic()) == (6_000_000_000, 1.0)


def test_sleepers_wake_in_the_order_of_their_deadlines_and_see_their_own_time() -> None:
    async def story() -> list[tuple[str, float]]:
        clock, seen = FakeClock(), list[tuple[str, float]]()

        async def sleeper(name: str, *pauses: float) -> None:
            for pause in pauses:
                await clock.sleep(pause)
                seen.append((name, clock.monotonic()))

        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper("slow", 5.0))
            group.create_task(sleeper("fast", 1.0, 1.0, 2.0))
            await clock.advance(4.5)
            await clock.advance(10.0)
        return seen

    assert asyncio.run(story()) == [("fast", 1.0), ("fast", 2.0), ("fast", 4.0), ("slow", 5.0)]


def test_a_cancelled_sleeper_is_forgotten() -> None:
    async def story() -> float:
        clock = FakeClock()
        task = asyncio.create_task(clock.sleep(5.0))
        await asyncio.sleep(0)
        task.cancel()
        await clock.advance(10.0)
        return clock.monotonic()

    assert asyncio.run(story()) == 10.0


def test_work_waits_until_the_test_runs_it_in_order() -> None:
    work, ran = MemoryDurableWork(), list[str]()
    work.register("note", lambda key, _args: ran.append(key))
    for key in ("b", "a", "b"):
        work.start("note", key, None)
    pending = (list(ran), work.status("a").state, work.wait("a", 0.0).state)
    work.run_pending()
    assert pending == ([], "pending", "pending")
    assert ran == ["b", "a"]


def test_a_transaction_inside_a_transaction_is_a_mistake_and_is_named() -> None:
    database = MemoryDatabase()
    with database.transaction(), pytest.raises(Conflict, match="pass its connection on"), database.reading():
        pass


def test_transactions_of_two_threads_wait_for_each_other() -> None:
    database = MemoryDatabase()
    with database.transaction() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(100):
            with database.transaction() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 200
    database.close()


def test_entries_appear_only_with_their_commit() -> None:
    database, journal = MemoryDatabase(), MemoryJournal()
    entry = JournalEntry(Id("1"), 1, DEFAULT_TENANT, "someone", "thing.happened", "it")
    with database.transaction() as connection:
        journal.append(connection, [entry])
        before = journal.read()
    assert (before, len(journal.read())) == ([], 1)
    database.close()


def test_a_supervised_task_runs_when_the_test_runs_it() -> None:
    supervisor, ran = MemorySupervisor(), list[str]()

    async def task() -> None:
        ran.append("task")

    supervisor.spawn("one", task)
    assert ran == []
    asyncio.run(supervisor.run("one"))
    assert ran == ["task"]


@dataclass(frozen=True)
class Section:
    days: int = 15


def test_a_section_that_was_not_given_has_its_defaults() -> None:
    assert MemorySettings(Section(3)).section(Section).days == 3
    assert MemorySettings().section(Section).days == 15


def test_a_full_set_of_ports_comes_with_one_call_and_any_may_be_replaced(tmp_path: Path) -> None:
    clock = FakeClock(wall_ns=7)
    ports = fake_ports(tmp_path, clock=clock, provided={Section: Section(1)})
    with ports.database.transaction() as connection:
        ports.journal.append(
            connection, [JournalEntry(ports.ids.new(), ports.clock.wall_ns(), DEFAULT_TENANT, "a", "b", "c")]
        )
    assert [entry.time_ns for entry in ports.journal.read()] == [7]
    assert (ports.get(Section).days, ports.data_dir) == (1, tmp_path)
