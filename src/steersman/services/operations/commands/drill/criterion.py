"""Whether a mesh is well, seen from outside of the watcher: what customers got, and what services show of themselves.

This is the scenario's own measure of a repair and of harm. It asks the mesh's programs, never the watcher.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from steersman.services.operations.commands.drill.faults.reach import ask, metrics
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.load import Second
from steersman.services.operations.commands.drill.observed import Look
from steersman.services.operations.commands.drill.scenario import Check, Repaired

#: A service that does not answer so many times in a row is not well; once may be chance.
_SILENT = 3

#: The numbers that a service shows; raises `OSError` when it does not answer.
Numbers = Callable[[str], Mapping[str, float]]


def numbers_of(mesh: Mesh) -> Numbers:
    """Read the pages of a mesh's services."""
    return lambda service: dict(metrics(mesh, service))


def served(second: Second, wanted: Repaired) -> str:
    """Return what customers lacked in a second, or nothing."""
    ended = second.ok + second.failed
    if not second.ok:
        return "nobody was served"
    if second.ok / ended < wanted.success:
        return f"{second.failed} of {ended} failed"
    return f"p95 {second.p95_ms:.0f} ms" if second.p95_ms > wanted.p95_ms else ""


@dataclass(slots=True)
class Criterion:
    """A scenario's measure of a repair, held against one second after another."""

    wanted: Repaired
    numbers: Numbers
    _before: dict[Check, tuple[int, float]] = field(default_factory=dict)

    def look(self, second: Second) -> Look:
        """Judge one second of the customers together with what services show now."""
        lacking = [served(second, self.wanted), *(self._lacks(check, second.time_ms) for check in self.wanted.checks)]
        detail = "; ".join(filter(None, lacking))
        return Look(second.time_ms, not detail, detail)

    def _lacks(self, check: Check, time_ms: int) -> str:
        try:
            value = self.numbers(check.service)[check.metric]
        except (OSError, KeyError, ValueError):
            return f"{check.service} does not show {check.metric}"
        if check.rate:
            value = self._rate(check, time_ms, value)
        return "" if check.holds(value) else f"{check.metric} of {check.service} is {value:g}"

    def _rate(self, check: Check, time_ms: int, value: float) -> float:
        """What a counter rose by in a second, since the last look; a restart in between counts from nought."""
        before_ms, before = self._before.get(check, (time_ms - 1000, value))
        self._before[check] = (time_ms, value)
        rise = value - before if value >= before else value
        return rise * 1000 / max(1, time_ms - before_ms)


@dataclass(slots=True)
class Wellbeing:
    """Services that must stay well whatever is repaired; each that does not is named once."""

    answers: Callable[[str], bool]
    services: tuple[str, ...]
    _silent: dict[str, int] = field(default_factory=dict)
    harmed: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Ask each of them once."""
        for service in self.services:
            self._silent[service] = 0 if self.answers(service) else self._silent.get(service, 0) + 1
            if self._silent[service] == _SILENT:
                self.harmed.append(f"{service} did not stay well")


def answers_in(mesh: Mesh) -> Callable[[str], bool]:
    """Ask a service of a mesh whether it is well."""

    def answers(service: str) -> bool:
        try:
            return ask(mesh, service, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    return answers


def orders_stored(mesh: Mesh) -> int | None:
    """How many orders the database has, or None when it does not say."""
    try:
        status, body = ask(mesh, "database", "GET", "/orders")
    except OSError:
        return None
    return int(json.loads(body)["orders"]) if status == 200 else None
