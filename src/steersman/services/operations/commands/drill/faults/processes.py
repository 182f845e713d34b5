"""Faults of processes: they end, they stand still, they cannot start."""

from __future__ import annotations

import json
import signal

from steersman.services.operations.commands.drill.faults.handle import Done, Handle
from steersman.services.operations.commands.drill.faults.reach import (
    alive,
    folder_of,
    processes,
    signalled,
    state_of,
)
from steersman.services.operations.commands.drill.faults.spec import Happening
from steersman.services.operations.commands.drill.mesh.layout import Mesh, write_json


def crash(spec: Happening, mesh: Mesh) -> Handle:
    """Kill the service. Nobody but a supervisor brings it back, so there is nothing to clean up."""
    pids = processes(mesh, spec.target)
    signalled(pids, signal.SIGKILL)
    return Done(f"killed {spec.target} (process {pids})", lambda: not any(map(alive, processes(mesh, spec.target))))


def hang(spec: Happening, mesh: Mesh) -> Handle:
    """Stop the process in its tracks: connections open, and nothing comes back."""
    pids = processes(mesh, spec.target)
    signalled(pids, signal.SIGSTOP)
    return Done(
        f"stopped {spec.target} (process {pids}) in its tracks",
        lambda: any(state_of(pid) == "T" for pid in pids),
        lambda: signalled([pid for pid in pids if state_of(pid) == "T"], signal.SIGCONT),
    )


def crash_loop(spec: Happening, mesh: Mesh) -> Handle:
    """An edit that no start survives, and then the end of the process that still ran with the old text."""
    file = folder_of(mesh, spec.target) / "config.json"
    before = json.loads(file.read_text())
    write_json(file, before | {"version": before["version"] + 1, "pool_size": "as many as needed"})
    signalled(processes(mesh, spec.target), signal.SIGKILL)

    def there() -> bool:
        return bool(json.loads(file.read_text())["version"] != before["version"])

    return Done(f"broke {file} and killed {spec.target}", there, lambda: write_json(file, before))


def restart(spec: Happening, mesh: Mesh) -> Handle:
    """A planned restart: the service ends in order, takes its release again, and is back within a second."""
    signalled(processes(mesh, spec.target)[:1], signal.SIGUSR2)
    return Done(f"an operator restarted {spec.target}")
