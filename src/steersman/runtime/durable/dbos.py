"""Durable work on DBOS: what was started is finished once, also when the process is killed in between.

One generic workflow is registered, so that renaming or editing a function strands nothing. DBOS is imported and
launched only when there is work: an idle platform neither loads nor polls it. Nothing here talks to a network.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from steersman.contract.ports import WorkStatus
from steersman.model.errors import Conflict, InvalidInput, NotFound, Temporary

if TYPE_CHECKING:
    from dbos import DBOS

    from steersman.contract.ports import Clock

_log = structlog.get_logger(__name__)

#: The shape of the generic workflow and its stored arguments. DBOS resumes only work of the running version, so
#: a new number is added to the front when that shape changes, and the older ones that can still be read stay behind it.
WORKFLOW_VERSIONS = ("1",)
_EXECUTOR = "steersman"
_FILE = "work.sqlite3"
_WORKFLOW = "steersman.work"
_UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")
_DONE, _FAILED = "SUCCESS", ("ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_THREADS = 8
#: How long a first caller waits for DBOS to come up before it is told to come back.
_LAUNCH_SECONDS = 30.0
_FIRST_LOOK_SECONDS = 0.01
_LONGEST_LOOK_SECONDS = 0.25


class DbosWork:
    """The DurableWork port. One per process, because DBOS itself is one per process.

    Services register while they start; `open` then resumes what a killed process left behind. `close` leaves
    running work unfinished: the next start resumes it.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / _FILE
        self._clock = clock
        self._functions: dict[str, Callable[[str, Any], Any]] = {}
        self._lock = threading.Lock()
        self._opened = False
        self._dbos: type[DBOS] | None = None
        self._workflow: Callable[[str, str, Any], Any] | None = None

    def register(self, name: str, function: Callable[[str, Any], Any]) -> None:
        """Name a function; do this before `open`, or work left behind finds nobody to finish it."""
        if name in self._functions:
            raise Conflict(f"durable work named {name} is registered already")
        self._functions[name] = function

    def open(self) -> None:
        """Accept work from now on, and resume in the background what an earlier process left unfinished."""
        self._opened = True
        if self._has_unfinished():
            threading.Thread(target=self._launched, name="durable-launch", daemon=True).start()

    def close(self) -> None:
        """Stop taking work. Running functions are not waited for."""
        with self._lock:
            self._opened = False
            if self._dbos is not None:
                self._dbos.destroy(destroy_registry=True)
                self._dbos = None

    def start(self, name: str, key: str, args: Any) -> None:
        """Record the work and begin it. The same key again changes nothing, whatever its arguments."""
        if name not in self._functions:
            raise NotFound(f"no durable work is registered as {name}")
        plain = _plain(args, f"the arguments of {name}")
        dbos = self._launched()
        from dbos import SetWorkflowID

        assert self._workflow is not None  # noqa: S101 - set together with the library
        with SetWorkflowID(key):
            dbos.start_workflow(self._workflow, name, key, plain)

    def status(self, key: str) -> WorkStatus:
        """Return where the work stands; raises `NotFound` for a key that was never started."""
        found = self._launched().get_workflow_status(key) if self._path.exists() else None
        if found is None:
            raise NotFound(f"no durable work was started under the key {key}")
        if found.status == _DONE:
            return WorkStatus(key, "done", result=found.output)
        if found.status in _FAILED:
            return WorkStatus(key, "failed", error=str(found.error or found.status.lower()))
        return WorkStatus(key, "pending")

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

    def _run(self, name: str, key: str, args: Any) -> Any:
        function = self._functions.get(name)
        if function is None:
            raise NotFound(f"no durable work is registered as {name}: is its service no longer installed?")
        return _plain(function(key, args), f"the result of {name}")

    def _launched(self) -> type[DBOS]:
        if not self._opened:
            raise Temporary("durable work is not open: the platform is starting or stopping")
        if self._dbos is not None:
            return self._dbos
        if not self._lock.acquire(timeout=_LAUNCH_SECONDS):
            raise Temporary("durable work is still starting")
        try:
            if self._dbos is None:
                self._dbos = self._launch()
            return self._dbos
        finally:
            self._lock.release()

    def _launch(self) -> type[DBOS]:
        self._prepare_file()
        from dbos import DBOS

        DBOS(
            config={
                "name": "steersman",
                "system_database_url": f"sqlite:///{self._path}",
                "application_version": WORKFLOW_VERSIONS[0],
                "executor_id": _EXECUTOR,
                "serializer": _json_serializer(),
                "max_executor_threads": _THREADS,
                "enable_otlp": False,
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": 60.0,
                "scheduler_polling_interval_sec": 3600.0,
            }
        )

        # A plain function, because DBOS writes attributes onto what it registers.
        def work(name: str, key: str, args: Any) -> Any:
            return self._run(name, key, args)

        self._workflow = DBOS.workflow(name=_WORKFLOW)(work)
        DBOS.launch()
        return DBOS

    def _has_unfinished(self) -> bool:
        if not self._path.exists():
            return False
        with closing(sqlite3.connect(self._path)) as connection:
            if not _has_table(connection):
                return False
            marks = ",".join("?" * len(_UNFINISHED))
            query = f"SELECT 1 FROM workflow_status WHERE status IN ({marks}) LIMIT 1"  # noqa: S608 - marks only
            return connection.execute(query, _UNFINISHED).fetchone() is not None

    def _prepare_file(self) -> None:
        """Switch the file to WAL, and take over unfinished work of the older versions that can still be read."""
        with closing(sqlite3.connect(self._path)) as connection, connection:
            connection.execute("PRAGMA journal_mode=WAL")
            if len(WORKFLOW_VERSIONS) == 1 or not _has_table(connection):
                return
            states, older = ",".join("?" * len(_UNFINISHED)), ",".join("?" * len(WORKFLOW_VERSIONS[1:]))
            connection.execute(
                f"UPDATE workflow_status SET application_version = ? "  # noqa: S608 - marks only
                f"WHERE status IN ({states}) AND application_version IN ({older})",
                (WORKFLOW_VERSIONS[0], *_UNFINISHED, *WORKFLOW_VERSIONS[1:]),
            )


def _has_table(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'workflow_status'"
    return connection.execute(query).fetchone() is not None


def _plain(value: Any, what: str) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} cannot be written as JSON: {error}") from error


def _json_serializer() -> Any:
    from dbos import Serializer

    class JsonSerializer(Serializer):
        """JSON instead of the library's pickle: what is stored can be read by eye, and never runs code."""

        def serialize(self, data: Any) -> str:
            if isinstance(data, BaseException):
                return json.dumps(f"{type(data).__name__}: {data}")
            return json.dumps(data)

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data)

        def name(self) -> str:
            return "steersman_json"

    return JsonSerializer()
