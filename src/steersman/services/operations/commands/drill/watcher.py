"""The watcher: a `steersman up` of its own, in a folder of its own, asked over its public interface and nothing else.

It is told what any owner would tell it: which services to run, what to scrape, what it may do. It refuses to reach
into the watcher's files or to call an action: what the watcher does, it does by itself.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from steersman.model.errors import Permanent, Temporary
from steersman.services.operations.commands.drill.waiting import wait_until

TOKEN = "drill-token-0123456789abcdef"  # noqa: S105 - opens a throw-away instance on loopback
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_READY_SECONDS = 90.0
#: The platform promises to be gone after five; a busy machine gets some more.
_STOP_SECONDS = 12.0
_ASK_SECONDS = 20.0
_TAIL_BYTES = 3_000


class Watcher:
    """One running platform. `folder` holds its settings, its log and, in `data`, everything that it knows.

    A port of 0 is any that is free.
    """

    def __init__(self, folder: Path, settings: str, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "steersman.toml").write_text(settings)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise Permanent("the watcher was not started")
        return self._process

    def start(self) -> None:
        """Start it and wait until it serves; raises `Permanent` with its last words when it does not."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STEERSMAN_")}
        place = ["--data", str(self.data), "--config", str(self.folder / "steersman.toml")]
        command = [sys.executable, "-m", "steersman.cli", "up", *place, "--listen", f"127.0.0.1:{self.port}"]
        with (self.folder / "watcher.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**clean, "STEERSMAN_BOOTSTRAP_TOKEN": TOKEN},
                # Ctrl-C is for the drill alone: it decides in which order things end.
                start_new_session=True,
            )
        self.port = self._announced_port()
        wait_until(self._is_ready, _READY_SECONDS, "the watcher is ready")

    def _announced_port(self) -> int:
        output = self._started().stdout
        found = _ADDRESS.search(output.readline() if output else "")
        if found is None:
            raise Permanent(f"the watcher did not start: {self.last_words()}")
        return int(found[1])

    def _is_ready(self) -> bool:
        if not self.running:
            raise Permanent(f"the watcher ended while it started: {self.last_words()}")
        try:
            return self.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def last_words(self) -> str:
        """The end of its log."""
        return (self.folder / "watcher.log").read_bytes()[-_TAIL_BYTES:].decode(errors="replace")

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Ask over a connection of its own and return the status and the whole body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ASK_SECONDS)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path: str, **query: object) -> Any:
        """Ask for JSON. Raises `Temporary` when there is no answer now, `Permanent` when it is a refusal."""
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            status, body = self.request("GET", target)
        except (OSError, http.client.HTTPException) as error:
            raise Temporary(f"the watcher does not answer {path}: {error!r}") from error
        if status >= 500:
            raise Temporary(f"the watcher answered {status} to {path}: {body[:300].decode(errors='replace')}")
        if status != 200:
            raise Permanent(f"the watcher answered {status} to {path}: {body[:300].decode(errors='replace')}")
        return json.loads(body)

    def stop(self) -> int:
        """Ask it to stop in order, so that it writes down what it learnt, and return its exit code.

        What does not end in time is killed.
        """
        if self.running:
            self._started().send_signal(signal.SIGTERM)
            try:
                self._started().wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._started().kill()
        self._reap()
        return self._started().returncode

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            self._started().kill()
        self._reap()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
