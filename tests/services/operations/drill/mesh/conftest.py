"""A mesh that is started by the tests themselves, as a supervisor would, and customers for it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from steersman.services.operations.commands.drill.faults.reach import ask, metrics, processes
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.load import Second

_LOAD = "steersman.services.operations.commands.drill.mesh.load"
_PATIENCE_SECONDS = 20.0


class Running:
    """A mesh with a starter for each service. What a test waits for is a condition, never a time."""

    def __init__(self, folder: Path) -> None:
        self.mesh = Mesh(folder)
        self.mesh.lay_out()
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.seconds: list[Second] = []
        self._customers: subprocess.Popen[str] | None = None

    def start(self, name: str) -> None:
        with (self.mesh.folder / name / "log").open("ab") as log:
            command = self.mesh.command(name)
            self.started[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def start_all(self) -> None:
        self.mesh.connect()
        for role in self.mesh.roles:
            self.start(role.name)
        for role in self.mesh.roles:
            self.until(lambda name=role.name: self.well(name), f"{role.name} answers")

    def restart(self, name: str) -> None:
        process = self.started[name]
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.start(name)

    def well(self, name: str) -> bool:
        try:
            return ask(self.mesh, name, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    def number(self, name: str, series: str) -> float:
        """A number of its page; nought while there is no page."""
        try:
            return dict(metrics(self.mesh, name)).get(series, 0.0)
        except OSError:
            return 0.0

    def open_doors(self) -> None:
        """Let customers in."""
        command = [sys.executable, "-m", _LOAD, self.mesh.entry_url, str(self.mesh.folder)]
        self._customers = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(self._customers,), daemon=True).start()

    def _listen(self, customers: "subprocess.Popen[str]") -> None:
        for line in customers.stdout or ():
            self.seconds.append(Second(**json.loads(line)))

    def content(self, seconds: int = 2) -> bool:
        last = self.seconds[-seconds:]
        return len(last) == seconds and all(one.ok and not one.failed and one.p95_ms < 250 for one in last)

    def until(self, holds, what: str) -> None:
        """Wait for a condition; it fails when it does not come."""
        for _ in range(int(_PATIENCE_SECONDS / 0.1)):
            if holds():
                return
            time.sleep(0.1)
        raise AssertionError(f"{what}: did not come within {_PATIENCE_SECONDS:g} s; last seconds {self.seconds[-3:]}")

    def close(self) -> None:
        if self._customers is not None:
            self._customers.kill()
            self._customers.communicate()
        self.mesh.close()
        for process in self.started.values():
            try:
                process.wait(4)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def left(self) -> list[int]:
        return [pid for role in self.mesh.roles for pid in processes(self.mesh, role.name)]


@pytest.fixture
def laid_out(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "mesh")
    yield running
    running.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One mesh with customers for all the faults of a module, which clean up behind them."""
    one = Running(tmp_path_factory.mktemp("mesh") / "mesh")
    one.start_all()
    one.open_doors()
    yield one
    one.close()
