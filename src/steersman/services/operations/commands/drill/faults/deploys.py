"""Releases and configurations that come while the mesh runs: bad ones, and good ones that must be left alone."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from steersman.services.operations.commands.drill.faults.handle import Done, Handle
from steersman.services.operations.commands.drill.faults.reach import folder_of, processes, reload, signalled
from steersman.services.operations.commands.drill.faults.spec import Happening
from steersman.services.operations.commands.drill.mesh.layout import Mesh, make_release, point, write_json

Begin = Callable[[Happening, Mesh], Handle]


def deploying(defect: str, level: float) -> Begin:
    """A deploy of a release with one defect; an empty name is one that is fine."""

    def begin(spec: Happening, mesh: Mesh) -> Handle:
        folder = folder_of(mesh, spec.target)
        before, version = current(folder), _next_version(folder)
        wanted = level if spec.level is None else spec.level
        make_release(folder, version, {defect: wanted} if defect else {})
        point(folder, version)
        reload(mesh, spec.target)
        if defect == "crash_on_start":
            signalled(processes(mesh, spec.target), signal.SIGKILL)
        text = f"deployed {version} of {spec.target}" + (f" with {defect} = {wanted:g}" if defect else "")
        return Done(text, lambda: bool(defect) and current(folder) == version, lambda: _back(mesh, spec.target, before))

    return begin


def configuring(change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Begin:
    """An edit of the configuration that the service takes over at once."""

    def begin(spec: Happening, mesh: Mesh) -> Handle:
        file = folder_of(mesh, spec.target) / "config.json"
        before = json.loads(file.read_text())
        after = before | {"version": before["version"] + 1} | dict(change(before))
        write_json(file, after)
        reload(mesh, spec.target)

        def undo() -> None:
            write_json(file, before)
            reload(mesh, spec.target)

        changed = sorted(name for name in after if after[name] != before.get(name) and name != "version")
        return Done(
            f"changed {', '.join(changed)} of {spec.target}",
            lambda: all(json.loads(file.read_text()).get(name) == after[name] for name in changed),
            undo,
        )

    return begin


def wrong_upstream(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The address of the last neighbour with a port where nobody listens."""
    peer = max(config["upstreams"])
    return {"upstreams": config["upstreams"] | {peer: "127.0.0.1:9"}}  # the discard port: nobody serves it any more


def hasty(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A time limit that no neighbour can keep."""
    return {"timeout_ms": 3}


def patient(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """A time limit that is a little longer: an edit that harms nobody."""
    return {"timeout_ms": int(config.get("timeout_ms", 1_000)) + 200}


def current(folder: Path) -> str:
    """The version that a service's link points to."""
    return (folder / "current").resolve().name


def _next_version(folder: Path) -> str:
    return f"v{1 + max(int(place.name[1:]) for place in (folder / 'releases').glob('v*'))}"


def _back(mesh: Mesh, service: str, version: str) -> None:
    point(folder_of(mesh, service), version)
    reload(mesh, service)
