"""A real platform for the tests of bad days: a process that can be stopped, killed, filled up and asked."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cramjam
import pytest

from steersman.engine.decode.proto import remote_write_v1_pb2 as remote_write

STEERSMAN = Path(sys.executable).parent / "steersman"
TOKEN = "a-token-for-bad-days"
PATIENCE_SECONDS = 60.0
SNAPPY = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


class Platform:
    """One `steersman up`. Its folder survives it, so another one can go on there."""

    TOKEN, SNAPPY, JSON = TOKEN, SNAPPY, JSON

    def __init__(
        self,
        folder: Path,
        *,
        settings: str = "",
        wrapper: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = folder / "data"
        self._log = folder / "log"
        config = folder / "steersman.toml"
        config.write_text(settings)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STEERSMAN_")}
        command = [STEERSMAN, "up", "--data", self.data, "--config", config, "--listen", "127.0.0.1:0"]
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [*wrapper, *command],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=clean | {"STEERSMAN_BOOTSTRAP_TOKEN": TOKEN} | dict(environment or {}),
            )
        assert self.process.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:(\d+)\n", self.process.stdout.readline())
        if address is None:
            self.kill()
            raise RuntimeError(self.log)
        self.port = int(address[1])

    # ------------------------------------------------------------------ asking

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def get(self, path: str, **query: object) -> Answer:
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def values(self, selector: str, *, at: float | None = None) -> dict[str, list[tuple[int, float]]]:
        """Samples of a range selector such as `up[5m]`, by the series' `name` label."""
        answer = self.get("/api/v1/query", query=selector, time=time.time() if at is None else at)
        assert answer.status == 200, answer.text
        return {
            one["metric"].get("name", ""): [(round(seconds * 1000), float(value)) for seconds, value in one["values"]]
            for one in answer.json()["data"]["result"]
        }

    def bodies(self, query: str, **more: object) -> list[str]:
        """The log lines that a search finds."""
        answer = self.get("/api/logs/search", query=query, limit=10_000, **more)
        assert answer.status == 200, answer.text
        return [row["body"] for row in answer.json()["rows"]]

    def metric(self, name: str) -> float:
        """A figure of the platform itself, from /metrics."""
        found = re.search(rf"^{name} (\S+)$", self.get("/metrics").text, re.MULTILINE)
        assert found, name
        return float(found[1])

    # ------------------------------------------------------------------ sending

    @staticmethod
    def written(*series: tuple[str, list[tuple[int, float]]]) -> bytes:
        """The body of a remote write 1.0 request for `bad_days{name="..."}`; times are milliseconds."""
        request = remote_write.WriteRequest()
        for name, samples in series:
            labels = [("__name__", "bad_days"), ("name", name)]
            one = request.timeseries.add(labels=[remote_write.Label(name=key, value=text) for key, text in labels])
            for time_ms, value in samples:
                one.samples.add(timestamp=time_ms, value=value)
        return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))

    @staticmethod
    def pushed(*texts: str) -> bytes:
        """The body of a Loki push, in JSON."""
        at = time.time_ns()
        values = [[str(at + place), text] for place, text in enumerate(texts)]
        return json.dumps({"streams": [{"stream": {"service_name": "bad-days"}, "values": values}]}).encode()

    def samples(self, *series: tuple[str, list[tuple[int, float]]]) -> Answer:
        return self.ask("POST", "/api/v1/write", self.written(*series), SNAPPY)

    def lines(self, *texts: str) -> Answer:
        return self.ask("POST", "/loki/api/v1/push", self.pushed(*texts), JSON)

    # ------------------------------------------------------------------ life and death

    def until_ready(self) -> None:
        wait_until(lambda: self.get("/readyz").status == 200)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> float:
        """Send SIGTERM and return the seconds that the process took to end in order."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        took = time.monotonic() - began
        assert code == 0, f"ended with {code} after {took:.1f} s: {self.log[-2000:]}"
        return took


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Ask again until it is so; a refused connection is a no."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise TimeoutError


@pytest.fixture
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def checked() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """`steersman check --store` over a stopped platform's data."""

    def check(data: Path) -> subprocess.CompletedProcess[str]:
        command = [STEERSMAN, "check", "--store", "--data", data]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return check


@pytest.fixture(scope="session")
def kernels_are_compiled() -> None:
    """The first start on a machine compiles; no test waits for that."""
    subprocess.run([STEERSMAN, "kernels"], check=True, capture_output=True)


@contextmanager
def launching(folder: Path) -> Iterator[Callable[..., Platform]]:
    """Start platforms in a folder and leave none behind."""
    started: list[Platform] = []

    def start(**options: Any) -> Platform:
        started.append(Platform(folder, **options))
        return started[-1]

    try:
        yield start
    finally:
        for platform in started:
            platform.kill()


@pytest.fixture
def launch(tmp_path: Path, kernels_are_compiled: None) -> Iterator[Callable[..., Platform]]:
    """Start platforms in the test's folder, one after the other."""
    with launching(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def launch_for_all(
    tmp_path_factory: pytest.TempPathFactory, kernels_are_compiled: None
) -> Iterator[Callable[..., Platform]]:
    """Start platforms in a folder of the module."""
    with launching(tmp_path_factory.mktemp("platform")) as start:
        yield start


@pytest.fixture(scope="module")
def platform(launch_for_all: Callable[..., Platform]) -> Platform:
    """One ready platform that watches nothing by itself, for the tests of a module that leave it as it was."""
    platform = launch_for_all(settings="[telemetry.host]\nenabled = false\n")
    platform.until_ready()
    return platform
