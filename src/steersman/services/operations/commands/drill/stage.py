"""Sets the stage of one scenario: a mesh laid out anew, a warm watcher that runs it, and customers; and clears it away.

The ports are the same on every stage of a drill, so that the series of a scenario are those that the watcher knows
from the days before it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from steersman.services.operations.commands.drill.mesh import load
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.load import Demand, Second
from steersman.services.operations.commands.drill.mesh.settings import settings_of
from steersman.services.operations.commands.drill.remnants import sweep
from steersman.services.operations.commands.drill.waiting import wait_until
from steersman.services.operations.commands.drill.watcher import TOKEN, Watcher

#: A stage has a block of ports: the mesh takes the first of them, the watcher one behind; see the mesh's layout.
PORTS, _WATCHER_PORT = 24, 22
_FLOWING_SECONDS = 60.0
_LAST = 3


class Customers(threading.Thread):
    """The load generator, a process of its own, and what it told so far: one account for each second."""

    def __init__(self, mesh: Mesh) -> None:
        super().__init__(name="customers", daemon=True)
        self._mesh = mesh
        self._seconds: list[Second] = []
        command = [sys.executable, "-m", load.__name__, mesh.entry_url, str(mesh.folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def run(self) -> None:
        for line in self._process.stdout or ():
            self._seconds.append(Second(**json.loads(line)))

    @property
    def seconds(self) -> tuple[Second, ...]:
        return tuple(self._seconds)

    def want(self, demand: Demand) -> None:
        """Change what customers want from now on."""
        demand.write(self._mesh.folder)

    def content(self) -> bool:
        """Whether nothing failed in the last seconds."""
        last = self.seconds[-_LAST:]
        return len(last) == _LAST and all(second.failed == 0 and second.ok > 0 for second in last)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self.join()


class Stage:
    """What one scenario plays on."""

    def __init__(self, mesh: Mesh, watcher: Watcher, customers: Customers) -> None:
        self.mesh, self.watcher, self.customers = mesh, watcher, customers

    def wait_until_content(self) -> None:
        """Wait until customers get everything that they want."""
        wait_until(self.customers.content, _FLOWING_SECONDS, "the mesh serves its customers without a failure")


@dataclass(frozen=True, slots=True)
class Setting:
    """What all stages of a drill have in common: where they are, what the watcher is told besides, what it knows."""

    folder: Path
    first_port: int
    settings: str
    marker: str
    warm: Path | None = None


@contextmanager
def stage(setting: Setting, name: str, topology: Sequence[str] = ()) -> Iterator[Stage]:
    """Set everything up in a fresh folder, and end all of it afterwards, whatever happens."""
    folder = setting.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    mesh = Mesh(folder / "mesh", setting.first_port, topology)
    watcher_port = setting.first_port + _WATCHER_PORT
    mesh.lay_out(f"http://127.0.0.1:{watcher_port}", TOKEN)
    watcher = Watcher(folder / "watcher", f"{setting.settings}\n{settings_of(mesh)}", watcher_port)
    if setting.warm is not None:
        shutil.copytree(setting.warm, watcher.data)
    customers: Customers | None = None
    try:
        mesh.connect()
        watcher.start()
        customers = Customers(mesh)
        customers.start()
        yield Stage(mesh, watcher, customers)
    finally:
        # The watcher goes first, so that it does not repair what is cleared away.
        watcher.kill()
        if customers is not None:
            customers.stop()
        mesh.close()
        sweep(setting.marker)
