"""The systems under test: each starts in an empty folder on a free port and is asked over HTTP, nothing else.

Prometheus and VictoriaMetrics are the packages of the distribution with their own defaults, apart from what makes
them accept remote write and show fresh samples at once.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from steersman.model.errors import Permanent
from steersman.services.telemetry.commands.bench import usage
from steersman.services.telemetry.commands.bench.waiting import wait_until

TOKEN = "bench-token-0123456789abcdef"  # noqa: S105 - opens a throw-away instance on loopback
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a system is started: `command(folder, port)` and where it says that it is ready."""

    name: str
    command: Callable[[Path, int], list[str]]
    ready_path: str
    version: Callable[[], str]
    token: str = ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Permanent(f"{name} is not installed: on Debian, apt-get install {name}")
    return found


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def _prometheus(folder: Path, port: int) -> list[str]:
    config = folder / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    return [
        _program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--log.level=error",
    ]


def _victoria_metrics(folder: Path, port: int) -> list[str]:
    return [
        _program("victoria-metrics"),
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=0s",
        "-search.disableCache",
        "-loggerLevel=ERROR",
    ]


def _steersman(folder: Path, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "steersman.cli",
        "up",
        "--data",
        str(folder / "data"),
        "--listen",
        f"127.0.0.1:{port}",
    ]


def _steersman_version() -> str:
    from importlib.metadata import version

    return f"steersman {version('steersman')}"


PROMETHEUS = Recipe("prometheus", _prometheus, "/-/ready", lambda: _first_line(_program("prometheus"), "--version"))
VICTORIA_METRICS = Recipe(
    "victoria-metrics",
    _victoria_metrics,
    "/health",
    lambda: _first_line("dpkg-query", "-W", "-f=${Package} ${Version}\n", "victoria-metrics"),
)
STEERSMAN = Recipe("steersman", _steersman, "/readyz", _steersman_version, TOKEN)


class System:
    """One running instance. Use it as a context: its folder is deleted behind it."""

    def __init__(self, recipe: Recipe, *, folder: Path | None = None) -> None:
        self.recipe = recipe
        self.port = free_port()
        self._own = folder is None
        self.folder = Path(tempfile.mkdtemp(prefix="steersman-bench-")) if folder is None else folder
        self.start_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Permanent(f"{self.recipe.name} was not started")
        return self._process

    def spawn(self) -> None:
        """Start its process and return at once."""
        environment = {**os.environ, "STEERSMAN_BOOTSTRAP_TOKEN": TOKEN}
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                self.recipe.command(self.folder, self.port), stdout=output, stderr=output, env=environment
            )

    def wait_ready(self, seconds: float = 120.0) -> float:
        """Wait until it says that it is ready and return how long that took."""
        self.start_seconds = wait_until(self._is_ready, seconds, f"{self.recipe.name} is ready")
        return self.start_seconds

    def _is_ready(self) -> bool:
        process = self._running()
        if process.poll() is not None:
            tail = (self.folder / "output.log").read_text(errors="replace")[-2_000:]
            raise Permanent(f"{self.recipe.name} ended with {process.returncode}: {tail}")
        try:
            return self.get(self.recipe.ready_path)[0] == 200
        except OSError:
            return False

    def kill(self) -> None:
        """SIGKILL, as a power-hungry kernel would."""
        self._running().kill()
        self._running().wait()

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def get(self, path: str, **query: str | float) -> tuple[int, bytes]:
        """Ask over a connection of its own; the timing commands keep theirs open."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            return get(connection, path, self.recipe.token, **query)
        finally:
            connection.close()

    def cpu_seconds(self) -> float:
        return usage.cpu_seconds(self.pid)

    def __enter__(self) -> Self:
        try:
            self.spawn()
            self.wait_ready()
        except Permanent:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)


def get(connection: http.client.HTTPConnection, path: str, token: str = "", **query: str | float) -> tuple[int, bytes]:
    """One GET; returns the status and the whole body."""
    target = f"{path}?{urlencode(query)}" if query else path
    connection.request("GET", target, headers={"Authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def query_data(system: System, path: str, **query: str | float) -> Any:
    """The `data` of a Prometheus API answer; raises `Permanent` with the system's words when there is none."""
    status, body = system.get(path, **query)
    if status != 200:
        raise Permanent(f"{system.recipe.name} answered {status} to {path}: {body[:300].decode(errors='replace')}")
    return json.loads(body)["data"]
