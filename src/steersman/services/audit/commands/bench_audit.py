"""`steersman bench audit`: durable records a second, with and without the tree, and whether tampering is found.

The peers in the same run are the bare disk, one sync a record, and bare SQLite with as many rows in a commit. All of
them write into a folder of the same file system, which has to be a real disk for the figures to mean anything.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer

from steersman.contract.ports import JournalEntry
from steersman.model.errors import Temporary
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.database.subjects import SealedSubjects
from steersman.runtime.identity.evidence import AccountNames
from steersman.runtime.identity.tables import LINEAGE
from steersman.runtime.ids import RandomIds
from steersman.services.audit.commands import bench_tampering
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store.log import AuditLog

_PAYLOAD = {"address": "203.0.113.7", "method": "password", "reason": "wrong password", "agent": "Mozilla/5.0"}

_Appenders = Annotated[int, typer.Option(help="Threads that record one entry after the other.")]
_Seconds = Annotated[float, typer.Option(help="Of each measurement.")]
_Trials = Annotated[int, typer.Option(help="How often the journal is tampered with.")]
_Folder = Annotated[Path, typer.Option(help="Where to write; on the disk that is meant.")]
_Seed = Annotated[int, typer.Option(help="Of what is tampered with.")]
_Url = Annotated[str | None, typer.Option(help="The URL of an empty PostgreSQL database to measure as well.")]


def audit(
    appenders: _Appenders = 64,
    seconds: _Seconds = 5.0,
    trials: _Trials = 1_000,
    folder: _Folder = Path(),
    seed: _Seed = 1,
    database: _Url = None,
) -> int:
    """Print figures as JSON. Ends with 1 when tampering went unseen."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-", dir=folder) as place:
        durable = throughput(Path(place), appenders, seconds)
        if database is not None:
            durable["postgresql"] = on_postgresql(Path(place) / "postgresql", database, appenders, seconds)
        found = bench_tampering.measure(Path(place) / "tampered", trials, seed)
    typer.echo(json.dumps({"durable": durable, "tampering": found}, indent=2))
    return 0 if found["found"] == found["total"] else 1


@dataclass(frozen=True, slots=True)
class Platform:
    """What the platform writes its journal with."""

    database: SqlDatabase
    journal: SqlJournal
    ids: RandomIds
    clock: SystemClock

    def entry(self) -> JournalEntry:
        return JournalEntry(
            id=self.ids.new(),
            time_ns=self.clock.wall_ns(),
            tenant=DEFAULT_TENANT,
            actor="somebody",
            type="login.refused",
            subject="somebody@example.com",
            payload=_PAYLOAD,
        )


@contextmanager
def platform(folder: Path, url: str | None = None) -> Iterator[Platform]:
    """Open a fresh control database, set up as the platform does it: persons stand in the journal sealed."""
    folder.mkdir(parents=True)
    database, clock = SqlDatabase(open_engine(url, folder)), SystemClock()
    migrate(database, [HOUSE_LINEAGE, LINEAGE])
    ids = RandomIds(clock)
    subjects = SealedSubjects.open(database, ids, clock, folder, AccountNames())
    try:
        yield Platform(database, SqlJournal(database, subjects), ids, clock)
    finally:
        database.close()


def throughput(place: Path, appenders: int, seconds: float) -> dict[str, Any]:
    """Measure records a second on the same disk, one way after the other."""
    syncs = _syncs(place / "disk", seconds / 2)
    with platform(place / "single") as house:
        single = _run(house, _single(house), appenders, seconds)
    with platform(place / "grouped") as house:
        grouped = _run(house, house.journal.record, appenders, seconds)
    with platform(place / "loop") as house:
        on_a_loop = _on_a_loop(house, appenders, seconds)
    with platform(place / "tree") as house:
        tree = _with_tree(house, place / "tree", appenders, seconds)
    bare = _bare(place / "bare.sqlite3", appenders, seconds / 2)
    return {
        "appenders": appenders,
        "disk_syncs_per_second": syncs,
        "a_transaction_each_per_second": single,
        "group_commit_per_second": grouped,
        "group_commit_on_one_event_loop_per_second": on_a_loop,
        "group_commit_with_tree_per_second": tree.pop("per_second"),
        "tree": tree,
        "bare_sqlite_same_groups_per_second": bare,
        "ratio_to_a_transaction_each": round(grouped / max(1, single), 2),
        "ratio_to_bare_sqlite": round(grouped / max(1, bare), 2),
    }


def _single(house: Platform) -> Callable[[list[JournalEntry]], None]:
    """Record as a service does that changes something: a transaction of its own."""

    def record(entries: list[JournalEntry]) -> None:
        with house.database.transaction() as transaction:
            house.journal.append(transaction, entries)

    return record


def _run(house: Platform, record: Callable[[list[JournalEntry]], None], appenders: int, seconds: float) -> int:
    """Let every thread record for so long; only entries whose call came back are counted, and all must be there."""
    end, begin = perf_counter() + seconds, perf_counter()

    def append() -> int:
        count = 0
        while perf_counter() < end:
            with suppress(Temporary):  # waited too long for other writers: not recorded, and not counted
                record([house.entry()])
                count += 1
        return count

    with ThreadPoolExecutor(appenders) as pool:
        acknowledged = sum(one.result() for one in [pool.submit(append) for _ in range(appenders)])
    took = perf_counter() - begin
    _check_kept(house, acknowledged)
    return round(acknowledged / took)


def _on_a_loop(house: Platform, waiters: int, seconds: float) -> int:
    """Let so many tasks of one event loop record, which wait without a thread each."""

    async def record(end: float) -> int:
        count = 0
        while perf_counter() < end:
            await house.journal.recorded([house.entry()])
            count += 1
        return count

    async def everybody() -> int:
        end = perf_counter() + seconds
        return sum(await asyncio.gather(*(record(end) for _ in range(waiters))))

    begin = perf_counter()
    acknowledged = asyncio.run(everybody())
    took = perf_counter() - begin
    _check_kept(house, acknowledged)
    return round(acknowledged / took)


def on_postgresql(folder: Path, url: str, appenders: int, seconds: float) -> dict[str, Any]:
    """Measure on a server that is there, whose settings decide whether a commit reaches the disk."""
    with platform(folder, url) as house:
        with house.database.reading() as connection:
            names = ("fsync", "synchronous_commit")
            durability = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names}
        rate = _run(house, house.journal.record, appenders, seconds)
        tree = _with_tree(house, folder, appenders, seconds)
    return {**durability, "group_commit_per_second": rate, "group_commit_with_tree": tree}


def _check_kept(house: Platform, acknowledged: int) -> None:
    kept = _entries(house)
    if kept != acknowledged:
        raise AssertionError(f"{acknowledged} records were acknowledged and {kept} are there")


def _with_tree(house: Platform, folder: Path, appenders: int, seconds: float) -> dict[str, Any]:
    """Measure while the tree grows and is signed in a thread, with the pauses that the job makes."""
    settings, stop = AuditSettings(), threading.Event()
    log = AuditLog.open(house.database, house.clock, settings, folder)

    def follow() -> None:
        while not stop.is_set():
            if not log.follow():
                stop.wait(settings.interval_seconds)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        rate = _run(house, house.journal.record, appenders, seconds)
        behind = _entries(house) - log.head.size
        stop.set()
        following.result()
    begin, before = perf_counter(), log.head.size
    log.finish()
    caught_up = log.head.size - before
    took = perf_counter() - begin
    per_second = round(caught_up / took) if caught_up else None
    return {"per_second": rate, "behind_at_the_end": behind, "catching_up_per_second": per_second}


def _entries(house: Platform) -> int:
    with house.database.reading() as connection:
        found: int = connection.exec_driver_sql("SELECT count(*) FROM journal").scalar_one()
    return found


def _syncs(path: Path, seconds: float) -> int:
    """Count how often a record of usual size can be written and synced in a second."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        count, begin = 0, perf_counter()
        while perf_counter() - begin < seconds:
            os.write(descriptor, b"x" * 400)
            os.fdatasync(descriptor)
            count += 1
        return round(count / (perf_counter() - begin))
    finally:
        os.close(descriptor)


def _bare(path: Path, group: int, seconds: float) -> int:
    """Write the same columns with nothing in between, a commit for each group."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, time_ns INTEGER, "
            "tenant TEXT, actor TEXT, type TEXT, subject TEXT, payload JSON, cause TEXT)"
        )
        connection.execute("CREATE INDEX journal_tenant ON journal (tenant, seq)")
        connection.execute("CREATE INDEX journal_subject ON journal (subject, seq)")
        same = ("default", "somebody", "login.refused", "somebody@example.com")
        payload, count, begin = json.dumps(_PAYLOAD), 0, perf_counter()
        while perf_counter() - begin < seconds:
            rows = [(f"{count + number:036d}", 1, *same, payload, None) for number in range(group)]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO journal (id, time_ns, tenant, actor, type, subject, payload, cause) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            connection.execute("COMMIT")
            count += group
        return round(count / (perf_counter() - begin))
    finally:
        connection.close()
