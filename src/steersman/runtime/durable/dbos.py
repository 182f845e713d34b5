"""Durable work on DBOS: what was started is finished once, also when the process is killed in between.

One generic workflow is registered, so that renaming or editing a function strands nothing. DBOS is imported and
launched when there is work and laid to rest when there is none, because it asks its database several times a second:
an idle platform pays nothing for it. Nothing here talks to a network.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import WorkStatus
from steersman.contract.storable import storable_json
from steersman.model.errors import Conflict, InvalidInput, NotFound, Temporary

if TYPE_CHECKING:
    from dbos import Serializer

    from steersman.contract.ports import Clock

#: The shape of the generic workflow and of its stored arguments, newest first. DBOS resumes only work of the version
#: that runs; when the shape changes, a new version goes to the front and those that it can still read stay behind it.
WORKFLOW_VERSIONS = ("1",)
_WORKFLOW = "steersman.work"
_EXECUTOR = "steersman"
_FILE = "work.sqlite3"

_UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")
_DONE = "SUCCESS"
_STATUS = """
SELECT status, output.output, output.error
FROM workflow_status LEFT JOIN workflow_output AS output USING (workflow_uuid) WHERE workflow_uuid = ?
"""
_ANY_UNFINISHED = "SELECT 1 FROM workflow_status WHERE status IN (?, ?, ?)"

#: Functions that run at the same time; others wait their turn.
_THREADS = 8
#: How long a caller waits while DBOS comes up or goes down before it is told to come back.
_LAUNCH_SECONDS = 30.0
#: How often a launched DBOS is looked at; with nothing started since the last look and nothing unfinished it rests.
_QUIET_SECONDS = 60.0
#: Bounds how long `close` waits, because this thread of DBOS only notices its end when it wakes.
_LISTENER_SECONDS = 0.25
_BUSY_SECONDS = 10.0
_FIRST_LOOK_SECONDS = 0.01
_LONGEST_LOOK_SECONDS = 0.25


class DbosWork:
    """The DurableWork port. One per process, because DBOS itself is one per process.

    Services register while they start. Then `open` lets work in, and `run`, under the supervisor, resumes what a killed
    process left behind. `close` does not wait for running functions: the next start resumes them.
    """

    def __init__(self, folder: Path, clock: Clock, versions: tuple[str, ...] = WORKFLOW_VERSIONS) -> None:
        self._path = folder / _FILE
        self._clock = clock
        self._versions = versions
        self._functions: dict[str, Callable[[str, Any], Any]] = {}
        self._lock = threading.Lock()
        self._opened = False
        self._begin: Callable[[str, str, Any], None] | None = None
        self._touched = False

    def register(self, name: str, function: Callable[[str, Any], Any]) -> None:
        """Name a function; do this before `open`, or work left behind finds nobody to finish it."""
        if name in self._functions:
            raise Conflict(f"durable work named {name} is registered already")
        self._functions[name] = function

    def open(self) -> None:
        """Accept work from now on."""
        self._opened = True

    async def run(self) -> None:
        """Resume what an earlier process left unfinished, then lay DBOS to rest whenever it has nothing to do."""
        if self._unfinished():
            await asyncio.to_thread(self._wake)
        while True:
            await self._clock.sleep(_QUIET_SECONDS)
            await asyncio.to_thread(self._rest)

    def close(self) -> None:
        """Take no more work. A function that still runs may be cut off by the end of the process."""
        self._opened = False
        with self._held():
            self._put_down()

    def start(self, name: str, key: str, args: Any) -> None:
        """Record the work and begin it. The same key again changes nothing, whatever its arguments."""
        if name not in self._functions:
            raise NotFound(f"no durable work is registered as {name}")
        plain = storable_json(args, f"the arguments of {name}")
        if not key:
            raise InvalidInput("durable work needs a key")
        with self._held():
            self._launch()(name, key, plain)

    def status(self, key: str) -> WorkStatus:
        """Return where the work stands; raises `NotFound` for a key that was never started."""
        row = self._read(_STATUS, key)
        if row is None:
            raise NotFound(f"no durable work was started under the key {key}")
        state, output, error = row
        if state == _DONE:
            return WorkStatus(key, "done", result=None if output is None else json.loads(output))
        if state in _UNFINISHED:
            return WorkStatus(key, "pending")
        return WorkStatus(key, "failed", error=json.loads(error) if error else f"it ended as {state}")

    def wait(self, key: str, timeout_seconds: float) -> WorkStatus:
        """Return the status once it is done or failed, or as it is when the time is up."""
        ends = self._clock.monotonic() + timeout_seconds
        pause, never = _FIRST_LOOK_SECONDS, threading.Event()
        while True:
            status = self.status(key)
            left = ends - self._clock.monotonic()
            if status.state != "pending" or left <= 0:
                return status
            never.wait(min(pause, left))
            pause = min(_LONGEST_LOOK_SECONDS, pause * 2)

    def _call(self, name: str, key: str, args: Any) -> Any:
        function = self._functions.get(name)
        if function is None:
            raise NotFound(f"no durable work is registered as {name}: its service is no longer installed")
        return storable_json(function(key, args), f"the result of {name}")

    @contextmanager
    def _held(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=_LAUNCH_SECONDS):
            raise Temporary("durable work is busy starting or stopping")
        try:
            yield
        finally:
            self._lock.release()

    def _wake(self) -> None:
        with self._held():
            self._launch()

    def _rest(self) -> None:
        with self._held():
            if not self._touched and not self._unfinished():
                self._put_down()
            self._touched = False

    def _put_down(self) -> None:
        if self._begin is not None:
            from dbos import DBOS

            DBOS.destroy(destroy_registry=True)
            self._begin = None

    def _launch(self) -> Callable[[str, str, Any], None]:
        """Return what starts the workflow, launching DBOS first where it rests. The lock is held."""
        if not self._opened:
            raise Temporary("durable work is closed: the platform is starting or stopping")
        self._touched = True
        if self._begin is None:
            self._adopt()
            self._begin = _launch_dbos(self._path, self._versions[0], self._call)
        return self._begin

    def _unfinished(self) -> bool:
        return self._read(_ANY_UNFINISHED, *_UNFINISHED) is not None

    def _read(self, query: str, *values: str) -> tuple[Any, ...] | None:
        """Read one row of DBOS's own table, so that looking does not have to wake it."""
        if not self._path.exists():
            return None
        with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as connection:
            if not _has_table(connection):
                return None
            row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
            return row

    def _adopt(self) -> None:
        """Switch the file to WAL, and take over unfinished work of the older versions that can still be read."""
        newest, *older = self._versions
        with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as connection, connection:
            connection.execute("PRAGMA journal_mode=WAL")
            if _has_table(connection):
                connection.executemany(
                    "UPDATE workflow_status SET application_version = ? WHERE application_version = ? AND status = ?",
                    [(newest, old, state) for old in older for state in _UNFINISHED],
                )


def _has_table(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'workflow_status'"
    return connection.execute(query).fetchone() is not None


def _launch_dbos(path: Path, version: str, call: Callable[[str, str, Any], Any]) -> Callable[[str, str, Any], None]:
    from dbos import DBOS, SetWorkflowID

    # With a handler of its own in place the library adds none that bypasses ours.
    logging.getLogger("dbos").addHandler(logging.NullHandler())
    DBOS(
        config={
            "name": "steersman",
            "system_database_url": f"sqlite:///{path}",
            "application_version": version,
            "executor_id": _EXECUTOR,
            "serializer": _json_serializer(),
            "max_executor_threads": _THREADS,
            "enable_otlp": False,
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": _LISTENER_SECONDS,
            "scheduler_polling_interval_sec": 3600.0,
        }
    )

    # A plain function, because DBOS writes attributes onto what it registers.
    @DBOS.workflow(name=_WORKFLOW)
    def work(name: str, key: str, args: Any) -> Any:
        return call(name, key, args)

    def begin(name: str, key: str, args: Any) -> None:
        with SetWorkflowID(key):
            DBOS.start_workflow(work, name, key, args)

    DBOS.launch()
    return begin


def _json_serializer() -> Serializer:
    from dbos import Serializer

    class JsonSerializer(Serializer):
        """JSON instead of the library's pickle: what is stored can be read by eye, and never runs code."""

        def serialize(self, data: Any) -> str:
            return json.dumps(f"{type(data).__name__}: {data}" if isinstance(data, BaseException) else data)

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data)

        def name(self) -> str:
            return "steersman_json"

    return JsonSerializer()
