"""In-memory fakes of every port, for the tests of whoever uses the ports. No files, no threads, no real time."""

from __future__ import annotations

import asyncio
import random
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from steersman.contract.ports import JournalEntry, Ports, Use, WorkStatus
from steersman.contract.storable import checked_limit, storable_entry, storable_json
from steersman.model.errors import Conflict, InvalidInput, NotFound
from steersman.model.ids import Id, Tenant, uuid7

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

T = TypeVar("T")

_NS = 1_000_000_000
#: 2026-01-01 in UTC: where virtual time starts unless a test says otherwise.
_START_NS = 1_767_225_600 * _NS
#: How often `advance` lets woken tasks run before it moves time again.
_TURNS = 20


class FakeClock:
    """Virtual time. It moves only when a test says so; the wall clock may jump while `monotonic` goes on."""

    def __init__(self, wall_ns: int = _START_NS) -> None:
        self._wall_ns = wall_ns
        self._elapsed_ns = 0
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def wall_ns(self) -> int:
        return self._wall_ns

    def monotonic(self) -> float:
        return self._elapsed_ns / _NS

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed_ns + round(seconds * _NS), waiting))
        await waiting

    def tick(self, seconds: float) -> None:
        """Move time without letting any task run; sleepers that are due wake up when the loop turns."""
        self._move_to(self._elapsed_ns + round(seconds * _NS))

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator or NTP does."""
        self._wall_ns += round(seconds * _NS)

    async def advance(self, seconds: float) -> None:
        """Move time through every sleeper's deadline in order, letting the woken tasks run in between."""
        target = self._elapsed_ns + round(seconds * _NS)
        await _turn()
        while (due := min((at for at, waiting in self._sleepers if not waiting.done()), default=None)) is not None:
            if due > target:
                break
            self._move_to(due)
            await _turn()
        self._move_to(target)
        await _turn()

    def _move_to(self, elapsed_ns: int) -> None:
        moved = max(0, elapsed_ns - self._elapsed_ns)
        self._elapsed_ns += moved
        self._wall_ns += moved
        for at, waiting in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if at <= self._elapsed_ns and not waiting.done():
                waiting.set_result(None)
        self._sleepers = [(at, waiting) for at, waiting in self._sleepers if not waiting.done()]


async def _turn() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class SeededIds:
    """The same ids in every run: sorted, unique, and different for another seed."""

    def __init__(self, seed: int = 0, start_ms: int = _START_NS // 1_000_000) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._next_ms = start_ms
        self._lock = threading.Lock()

    def new(self) -> Id:
        with self._lock:
            self._next_ms += 1
            return uuid7(self._next_ms, self._random.getrandbits)


class MemoryDatabase:
    """SQLite in memory on one connection: transactions wait for each other, and nothing outlives the object."""

    def __init__(self) -> None:
        from sqlalchemy import StaticPool, create_engine, event

        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self._lock = threading.RLock()
        self._open = False
        weakref.finalize(self, self.engine.dispose)

        @event.listens_for(self.engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA foreign_keys=ON")

    def transaction(self) -> AbstractContextManager[Connection]:
        return self._begin("OFF")

    def reading(self) -> AbstractContextManager[Connection]:
        return self._begin("ON")

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _begin(self, query_only: str) -> Iterator[Connection]:
        with self._lock:
            if self._open:
                raise Conflict("this thread already has a transaction open: pass its connection on")
            self._open = True
            try:
                with self.engine.begin() as connection:
                    connection.exec_driver_sql(f"PRAGMA query_only={query_only}")
                    connection.exec_driver_sql("BEGIN")
                    yield connection
            finally:
                self._open = False


class MemoryJournal:
    """A list. Entries appear when the transaction they were given to commits."""

    def __init__(self) -> None:
        self._entries: list[JournalEntry] = []
        self._ids: set[Id] = set()
        self._lock = threading.Lock()

    def append(self, transaction: Connection, entries: Sequence[JournalEntry]) -> None:
        from sqlalchemy import event

        checked = self._checked(entries)

        def keep(_connection: Connection) -> None:
            self._keep(checked)
            checked.clear()

        def drop(_connection: Connection) -> None:
            checked.clear()

        event.listen(transaction, "commit", keep)
        event.listen(transaction, "rollback", drop)

    def record(self, entries: Sequence[JournalEntry]) -> None:
        self._keep(self._checked(entries))

    async def recorded(self, entries: Sequence[JournalEntry]) -> None:
        self.record(entries)

    def _checked(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        checked = [storable_entry(entry) for entry in entries]
        ids = [entry.id for entry in checked]
        if len(set(ids)) < len(ids) or self._ids.intersection(ids):
            raise Conflict("the journal already holds an entry with this id")
        return checked

    def _keep(self, checked: Sequence[JournalEntry]) -> None:
        with self._lock:
            for entry in checked:
                self._entries.append(replace(entry, seq=len(self._entries) + 1))
                self._ids.add(entry.id)

    def read(self, *, after: int = 0, limit: int = 100, tenant: Tenant | None = None) -> list[JournalEntry]:
        with self._lock:
            found = [entry for entry in self._entries if entry.seq > after and tenant in (None, entry.tenant)]
        return found[: checked_limit(limit)]


class MemoryDurableWork:
    """Runs work when someone waits for it, or with `run_pending`, so that a test decides when."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[[str, Any], Any]] = {}
        self._waiting: dict[str, tuple[str, Any]] = {}
        self._statuses: dict[str, WorkStatus] = {}

    def register(self, name: str, function: Callable[[str, Any], Any]) -> None:
        if name in self._functions:
            raise Conflict(f"durable work named {name} is registered already")
        self._functions[name] = function

    def start(self, name: str, key: str, args: Any) -> None:
        if name not in self._functions:
            raise NotFound(f"no durable work is registered as {name}")
        plain = storable_json(args, f"the arguments of {name}")
        if not key:
            raise InvalidInput("durable work needs a key")
        if key not in self._statuses:
            self._waiting[key] = (name, plain)
            self._statuses[key] = WorkStatus(key, "pending")

    def status(self, key: str) -> WorkStatus:
        if key not in self._statuses:
            raise NotFound(f"no durable work was started under the key {key}")
        return self._statuses[key]

    def wait(self, key: str, timeout_seconds: float) -> WorkStatus:
        if key in self._waiting and timeout_seconds > 0:
            self._run(key)
        return self.status(key)

    def run_pending(self) -> None:
        """Run everything that was started and not yet run, in order of its start."""
        for key in list(self._waiting):
            self._run(key)

    def _run(self, key: str) -> None:
        name, args = self._waiting.pop(key)
        try:
            result = storable_json(self._functions[name](key, args), f"the result of {name}")
        except Exception as error:  # noqa: BLE001 - the port promises "failed" for whatever the function raises
            self._statuses[key] = WorkStatus(key, "failed", error=f"{type(error).__name__}: {error}")
        else:
            self._statuses[key] = WorkStatus(key, "done", result=result)


class MemorySupervisor:
    """Remembers what was started; a test runs it with `run`, and sees its exception."""

    def __init__(self) -> None:
        self.tasks: dict[str, Callable[[], Awaitable[None]]] = {}

    def spawn(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        if name in self.tasks:
            raise Conflict(f"a task named {name} is already running")
        self.tasks[name] = run

    async def run(self, name: str) -> None:
        """Run a spawned task once, until it returns or fails."""
        await self.tasks[name]()


class WordMasking:
    """Hides the words that it was given, as `(use)`, so that a test sees what was masked and for which use."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def text(self, use: Use, text: str) -> str:
        for word in self._words:
            text = text.replace(word, f"({use})")
        return text

    def structure(self, use: Use, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(use, value)
        if isinstance(value, Mapping):
            return {key: self.structure(use, inner) for key, inner in value.items()}
        return [self.structure(use, inner) for inner in value] if isinstance(value, list | tuple) else value


class MemorySettings:
    """Sections given as values; one that was not given has its defaults."""

    def __init__(self, *sections: object) -> None:
        self._sections: Mapping[type, object] = {type(section): section for section in sections}

    def section(self, kind: type[T]) -> T:
        given = self._sections.get(kind)
        return given if isinstance(given, kind) else kind()


def fake_ports(folder: Path, **replaced: Any) -> Ports:
    """Return a full set of fakes with `folder` as the data directory; name a port to put another in its place."""
    ports = Ports(
        clock=FakeClock(),
        ids=SeededIds(),
        database=MemoryDatabase(),
        journal=MemoryJournal(),
        durable=MemoryDurableWork(),
        supervisor=MemorySupervisor(),
        settings=MemorySettings(),
        data_dir=folder,
    )
    return replace(ports, **replaced)
