"""What only the real adapter can show: kills, rest, versions. The port's own promises are in `test_port.py`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from steersman.contract.fakes import FakeClock
from steersman.model.errors import Temporary
from steersman.runtime.clock import SystemClock
from steersman.runtime.durable.dbos import DbosWork

WORKER = Path(__file__).with_name("worker.py")


def _kill_in_the_middle(folder: Path) -> None:
    with subprocess.Popen([sys.executable, WORKER, folder, "hang"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.kill()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[DbosWork]:
    work = DbosWork(tmp_path, SystemClock())
    work.register("double", lambda _key, number: number * 2)
    work.open()
    yield work
    work.close()


async def _resume(work: DbosWork, key: str) -> Any:
    """Run the supervised part until the work is done."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(work.run())
        status = await asyncio.to_thread(work.wait, key, 20.0)
        running.cancel()
    return status


def _successor(folder: Path, **changes: Any) -> tuple[DbosWork, list[str]]:
    """The next process's adapter over the same folder, and the keys that it runs."""
    ran: list[str] = []
    work = DbosWork(folder, SystemClock(), **changes)

    def effect(key: str, args: list[str]) -> str:
        ran.append(key)
        return f"{args[0]} by the successor"

    work.register("effect", effect)
    work.open()
    return work, ran


def test_work_that_was_killed_in_the_middle_is_finished_once(tmp_path: Path) -> None:
    _kill_in_the_middle(tmp_path)
    work, ran = _successor(tmp_path)
    try:
        assert work.status("key-1").state == "pending"
        status = asyncio.run(_resume(work, "key-1"))
        work.start("effect", "key-1", ["again"])
        assert (status.state, status.result) == ("done", "done by the successor")
        assert work.wait("key-1", 5.0) == status
        assert ran == ["key-1"]
    finally:
        work.close()


def test_a_second_kill_loses_nothing_either(tmp_path: Path) -> None:
    _kill_in_the_middle(tmp_path)
    _kill_in_the_middle(tmp_path)
    work, ran = _successor(tmp_path)
    try:
        assert asyncio.run(_resume(work, "key-1")).state == "done"
        assert ran == ["key-1"]
    finally:
        work.close()


def test_unfinished_work_of_an_older_version_is_taken_over(tmp_path: Path) -> None:
    _kill_in_the_middle(tmp_path)
    work, ran = _successor(tmp_path, versions=("2", "1"))
    try:
        assert asyncio.run(_resume(work, "key-1")).state == "done"
        assert ran == ["key-1"]
    finally:
        work.close()


def test_work_of_a_version_that_cannot_be_read_waits_untouched(tmp_path: Path) -> None:
    _kill_in_the_middle(tmp_path)
    work, ran = _successor(tmp_path, versions=("3",))
    try:
        work.start("effect", "key-2", ["done"])
        assert work.wait("key-2", 20.0).state == "done"
        assert work.status("key-1").state == "pending"
        assert ran == ["key-2"]
    finally:
        work.close()


def test_work_whose_function_is_gone_fails_with_its_name(tmp_path: Path) -> None:
    _kill_in_the_middle(tmp_path)
    work = DbosWork(tmp_path, SystemClock())
    work.open()
    try:
        status = asyncio.run(_resume(work, "key-1"))
        assert status.state == "failed"
        assert "effect" in str(status.error)
    finally:
        work.close()


def test_the_same_key_from_two_threads_at_once_runs_once(tmp_path: Path) -> None:
    work, ran = _successor(tmp_path)
    try:
        threads = [threading.Thread(target=work.start, args=("effect", "same", [str(n)])) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert work.wait("same", 10.0).state == "done"
        assert ran == ["same"]
    finally:
        work.close()


def test_an_idle_platform_does_not_even_import_the_library(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from steersman.runtime.clock import SystemClock\n"
        "from steersman.runtime.durable.dbos import DbosWork\n"
        f"work = DbosWork(pathlib.Path({str(tmp_path)!r}), SystemClock())\n"
        "work.open(); work.close()\n"
        "assert not {'dbos', 'alembic', 'opentelemetry'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.needs("strace")
def test_the_library_opens_no_connection_to_anywhere(tmp_path: Path) -> None:
    script = (
        "import pathlib\n"
        "from steersman.runtime.clock import SystemClock\n"
        "from steersman.runtime.durable.dbos import DbosWork\n"
        f"work = DbosWork(pathlib.Path({str(tmp_path)!r}), SystemClock())\n"
        "work.register('one', lambda key, args: 1)\n"
        "work.open(); work.start('one', 'key', None)\n"
        "assert work.wait('key', 30.0).result == 1\n"
        "work.close()\n"
    )
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=connect,bind,socket", "-o", str(trace)]
    subprocess.run([*strace, sys.executable, "-c", script], check=True)
    assert "AF_INET" not in trace.read_text()


def test_it_rests_only_when_nothing_is_left_to_do_and_wakes_for_more(tmp_path: Path) -> None:
    release = threading.Event()
    work = DbosWork(tmp_path, SystemClock())
    work.register("hold", lambda _key, _args: release.wait(20.0))
    work.open()
    try:
        work.start("hold", "first", None)
        awake = []
        for _ in ("just started", "still running"):
            work._rest()
            awake.append(_launched())
        release.set()
        _until_done(work, "first")
        work._rest()
        assert (*awake, _launched()) == (True, True, False)
        work.start("hold", "second", None)
        _until_done(work, "second")
    finally:
        work.close()


def test_its_task_lays_it_to_rest_by_the_clock(tmp_path: Path) -> None:
    clock = FakeClock()
    work = DbosWork(tmp_path, clock)
    work.register("nothing", lambda _key, _args: None)
    work.open()
    work.start("nothing", "key", None)
    _until_done(work, "key")

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(work.run())
            while _launched():
                await clock.advance(60.0)
                await asyncio.sleep(0.01)
            running.cancel()

    try:
        asyncio.run(asyncio.wait_for(story(), 30.0))
    finally:
        work.close()


def _launched() -> bool:
    return any(thread.name == "dbos-background-jobs" for thread in threading.enumerate())


def _until_done(work: DbosWork, key: str) -> None:
    for _ in range(2000):
        if work.status(key).state == "done":
            return
        threading.Event().wait(0.005)
    pytest.fail(f"{key} was not finished")


def test_what_is_stored_is_json_and_the_file_is_in_wal_mode(opened: DbosWork, tmp_path: Path) -> None:
    opened.start("double", "key", 21)
    opened.wait("key", 10.0)
    with closing(sqlite3.connect(tmp_path / "work.sqlite3")) as connection:
        (stored,) = connection.execute("SELECT inputs FROM workflow_input").fetchone()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert json.loads(stored)["args"] == ["double", "key", 21]


def test_nothing_starts_before_it_is_open_or_after_it_is_closed(tmp_path: Path) -> None:
    work = DbosWork(tmp_path, SystemClock())
    work.register("double", lambda _key, number: number * 2)
    for step in (lambda: None, work.close):
        step()
        with pytest.raises(Temporary):
            work.start("double", "key", 1)


def test_waiting_ends_at_its_deadline(opened: DbosWork) -> None:
    release = threading.Event()
    opened.register("hold", lambda _key, _args: release.wait(20.0))
    opened.start("hold", "key", None)
    try:
        assert opened.wait("key", 0.05).state == "pending"
    finally:
        release.set()
        with suppress(Temporary):
            opened.wait("key", 10.0)
