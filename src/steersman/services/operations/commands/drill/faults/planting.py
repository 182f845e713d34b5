"""Bugs that are planted into a running process through its loopback door. A restart of the process ends them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from steersman.services.operations.commands.drill.faults.handle import Done, Handle
from steersman.services.operations.commands.drill.faults.reach import ask, plant, planted
from steersman.services.operations.commands.drill.faults.spec import Happening
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.planted import KINDS

Begin = Callable[[Happening, Mesh], Handle]


def planting(kind: str, level: float) -> Begin:
    """A fault that plants one bug; `level` is used where the scenario gives none."""

    def begin(spec: Happening, mesh: Mesh) -> Handle:
        wanted = level if spec.level is None else spec.level
        plant(mesh, spec.target, {kind: wanted})
        return Done(
            f"planted in {spec.target}: {KINDS[kind]} ({kind} = {wanted:g})",
            lambda: planted(mesh, spec.target, kind),
            lambda: _pull(mesh, spec.target, kind),
        )

    return begin


def stampede(spec: Happening, mesh: Mesh) -> Handle:
    """Empty the cache and let it keep nothing, so that every read goes through to the database."""
    plant(mesh, spec.target, {"no_expiry": 1})
    ask(mesh, spec.target, "POST", "/flush")
    return Done(
        f"{spec.target} was emptied and keeps nothing",
        lambda: planted(mesh, spec.target, "no_expiry"),
        lambda: _pull(mesh, spec.target, "no_expiry"),
    )


def flush(spec: Happening, mesh: Mesh) -> Handle:
    """Empty the cache once; it fills again within seconds."""
    ask(mesh, spec.target, "POST", "/flush")
    return Done(f"{spec.target} was emptied once")


def _pull(mesh: Mesh, service: str, kind: str) -> None:
    # A process that is gone, or deaf from its bug, has to be restarted; that is for its supervisor.
    with contextlib.suppress(OSError):
        plant(mesh, service, {kind: 0})
