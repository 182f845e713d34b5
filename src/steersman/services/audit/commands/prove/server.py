"""A PostgreSQL server of our own for one proof: it writes through to the disk, and it can be killed like the platform.

One server serves all lives, as a start of it costs more than a life. A kill takes the postmaster without a word; the
next start recovers from its log, as after a power cut of the database's machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from steersman.model.errors import Permanent

_USER = "postgres"
_OPTIONS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", "fsync=on")
_READY = "ready to accept connections"
_START_SECONDS, _EVERY_SECONDS = 60.0, 0.05


class Server:
    """One server with one empty database, in a folder of its own, which others than root have to reach."""

    def __init__(self, binaries: Path) -> None:
        self._folder, self._binaries = Path(tempfile.mkdtemp(prefix="steersman-postgresql-")), binaries
        self._data, self._log = self._folder / "data", self._folder / "log"
        self._port, self.kills = _free_port(), 0
        self._folder.chmod(0o755)
        self._data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            # It refuses to run as root.
            shutil.chown(self._data, _USER, _USER)
        made = self._run("initdb", "-D", str(self._data), "-U", _USER, "--auth=trust", "--encoding=UTF8")
        if made.wait() != 0:
            raise Permanent(f"no PostgreSQL server can be made: {self._told()}")
        self._process = self._started()

    @property
    def url(self) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self._port}/postgres"

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it without a word; the processes that serve connections end when they notice."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.kills += 1

    def start(self) -> None:
        """Start it again after a kill; what was left of it may hold up the first tries."""
        self._process = self._started()

    def stop(self) -> None:
        """Let it end in order, and forget everything."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        shutil.rmtree(self._folder)

    def _started(self) -> subprocess.Popen[bytes]:
        begin, process = perf_counter(), None
        while perf_counter() - begin < _START_SECONDS:
            if process is None or process.poll() is not None:
                seen = self._log.stat().st_size
                options = [part for one in (*_OPTIONS, f"port={self._port}") for part in ("-c", one)]
                process = self._run("postgres", "-D", str(self._data), *options)
            if _READY in self._log.read_text("utf-8", "replace")[seen:]:
                return process
            threading.Event().wait(_EVERY_SECONDS)
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
        raise Permanent(f"PostgreSQL does not start: {self._told()}")

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        person: dict[str, Any] = {"user": _USER, "group": _USER, "extra_groups": []} if os.geteuid() == 0 else {}
        command = [str(self._binaries / program), *arguments]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self._data, **person)

    def _told(self) -> str:
        return self._log.read_text("utf-8", "replace")[-1000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
