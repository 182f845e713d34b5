"""What customers do: they come in crowds, stay away, or order more at once. Most of it is no fault at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from steersman.services.operations.commands.drill.faults.handle import Course, Done, Handle
from steersman.services.operations.commands.drill.faults.spec import Happening
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.load import demand_in

Begin = Callable[[Happening, Mesh], Handle]
_STEP_SECONDS = 1.0
#: A peak comes and goes within this time.
_PEAK_SECONDS = 40


def heavier(spec: Happening, mesh: Mesh) -> Handle:
    """Each order makes more work for the worker than before."""
    before = demand_in(mesh.folder)
    weight = before.weight * (4.0 if spec.level is None else spec.level)
    replace(before, weight=weight).write(mesh.folder)
    return Done(
        f"an order makes {weight:g} times the work",
        lambda: demand_in(mesh.folder).weight == weight,
        lambda: before.write(mesh.folder),
    )


def scaled(factor: float) -> Begin:
    """Another rate of requests from now on; `level` of the scenario replaces the factor."""

    def begin(spec: Happening, mesh: Mesh) -> Handle:
        before = demand_in(mesh.folder)
        rate = before.rate * (factor if spec.level is None else spec.level)
        replace(before, rate=rate).write(mesh.folder)
        return Done(
            f"{rate:g} requests a second instead of {before.rate:g}",
            lambda: demand_in(mesh.folder).rate == rate,
            lambda: before.write(mesh.folder),
        )

    return begin


def peak(spec: Happening, mesh: Mesh) -> Handle:
    """The load rises and falls like half a sine, as over the middle of a day."""
    before = demand_in(mesh.folder)
    height = 2.0 if spec.level is None else spec.level

    def steps() -> Iterator[float]:
        for second in range(_PEAK_SECONDS + 1):
            lift = math.sin(math.pi * second / _PEAK_SECONDS)
            replace(before, rate=before.rate * (1 + (height - 1) * lift)).write(mesh.folder)
            yield _STEP_SECONDS

    text = f"a peak of {height:g} times the usual load over {_PEAK_SECONDS} s"
    return Course(text, steps(), lambda: before.write(mesh.folder))
