"""One life of the real platform, to be killed, and the little of HTTP that is needed to ask it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

from steersman.model.errors import Permanent

TOKEN = "proof-token-0123456789abcdef"  # noqa: S105 - opens a throw-away instance on loopback
#: Checkpoints come so often that kills meet them.
_SETTINGS = "[audit]\ncheckpoint_seconds = 0.1\ninterval_seconds = 0.05\n"
#: Everything that is imported at a start, then a word to go on: two seconds that pass while the life before is at work.
_PREPARED = """
import sys
from steersman import app, cli
from steersman.runtime.registry import discover
discover(house_provides=app.HOUSE_PROVIDES)
sys.stdin.readline()
cli.main()
"""
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:(\d+)\n")
_READY_SECONDS = 120.0
_ANSWER_SECONDS = 60.0
_EVERY_SECONDS = 0.03


class Victim:
    """A process of the platform on a data directory that outlives it; it touches nothing before it is let begin."""

    def __init__(self, folder: Path, url: str | None) -> None:
        config = folder / "steersman.toml"
        config.write_text(_SETTINGS)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STEERSMAN_")}
        if url is not None:
            clean["STEERSMAN_DATABASE_URL"] = url
        command = [sys.executable, "-c", _PREPARED, "up", "--data", str(folder / "data")]
        with (folder / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(config), "--listen", "127.0.0.1:0"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**clean, "STEERSMAN_BOOTSTRAP_TOKEN": TOKEN},
            )
        self.port = 0
        self._log = folder / "output.log"

    def begin(self) -> None:
        """Let it start; one that did is left alone."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(BrokenPipeError):
                self._process.stdin.write(b"\n")
                self._process.stdin.close()

    def wait_ready(self) -> None:
        """Let it start and wait until it serves; raises `Permanent` with the end of its log if it does not come up."""
        self.begin()
        assert self._process.stdout is not None  # noqa: S101 - narrows the type: a pipe was asked for
        found = _ADDRESS.search(self._process.stdout.readline())
        if found is None:
            raise Permanent(f"the platform did not start: {self._log.read_text('utf-8', 'replace')[-2000:]}")
        self.port, begin = int(found[1]), perf_counter()
        while not self._ready():
            if self._process.poll() is not None or perf_counter() - begin > _READY_SECONDS:
                raise Permanent(f"the platform is not ready: {self._log.read_text('utf-8', 'replace')[-2000:]}")
            threading.Event().wait(_EVERY_SECONDS)

    def _ready(self) -> bool:
        try:
            return ask(self.port, "GET", "/readyz")[0] == http.client.OK
        except OSError:
            return False

    def kill(self) -> None:
        """End it without a word."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Let it end in order; returns its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        self._process.send_signal(number)
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        return status


def ask(
    port: int, method: str, path: str, body: Any = None, *, token: str = TOKEN, form: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """Return status and JSON of one answer; raises `OSError` when the answer never came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    content = b""
    if form is not None:
        content = urlencode(form).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif body is not None:
        content = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        text = response.read()
    except http.client.HTTPException as error:
        raise OSError(f"no whole answer: {error}") from error
    finally:
        connection.close()
    try:
        return response.status, json.loads(text) if text else None
    except ValueError:
        return response.status, None
