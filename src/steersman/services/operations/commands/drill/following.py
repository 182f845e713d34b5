"""Follows the watcher through its public interface while a scenario runs, and writes down everything that changes.

What it sees is stamped with the time at which it was seen, never with the time at which the watcher says that it was
so: a detection counts from when a person could have read it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from steersman.model.errors import SteersmanError
from steersman.services.operations.commands.drill import reading
from steersman.services.operations.commands.drill.observed import IncidentSeen, PlanSeen
from steersman.services.operations.commands.drill.watcher import Watcher
from steersman.services.operations.model import wire

_EVERY_SECONDS = 0.5
_MOST = 100
_FAILURES_IN_A_ROW = 20


class Follower(threading.Thread):
    """Asks twice a second. `problem` says why it gave up, if it did."""

    def __init__(self, watcher: Watcher, now_ms: Callable[[], int], evidence: Path) -> None:
        super().__init__(name="follower", daemon=True)
        self._watcher, self._now_ms, self._evidence = watcher, now_ms, evidence
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._seen: dict[str, str] = {}
        self._incidents: list[IncidentSeen] = []
        self._plans: dict[str, PlanSeen] = {}
        self.died_ms: int | None = None
        self.problem = ""

    @property
    def incidents(self) -> tuple[IncidentSeen, ...]:
        """Every change of every incident, in the order in which they were seen."""
        with self._lock:
            return tuple(self._incidents)

    @property
    def plans(self) -> tuple[PlanSeen, ...]:
        """Every plan as it was seen last, in the order of their coming."""
        with self._lock:
            return tuple(self._plans.values())

    def latest(self) -> dict[str, IncidentSeen]:
        """The incidents as they were seen last."""
        return {one.id: one for one in self.incidents}

    def run(self) -> None:
        failures = 0
        while not self._ended.wait(_EVERY_SECONDS):
            try:
                self.look()
                failures = 0
            except (SteersmanError, ValueError) as error:
                self._write({"time_ms": self._now_ms(), "failed": repr(error)})
                failures += 1
                if not self._watcher.running:
                    self.died_ms, self.problem = self._now_ms(), "the watcher died"
                    return
                if failures >= _FAILURES_IN_A_ROW:
                    self.problem = f"the watcher does not answer: {error!r}"
                    return

    def look(self) -> None:
        """Ask once."""
        listed = wire.IncidentPage.model_validate(self._watcher.get("/api/ops/incidents", limit=_MOST)).incidents
        plans = wire.PlanPage.model_validate(self._watcher.get("/api/ops/plans", limit=_MOST)).plans
        for summary in reversed(listed):
            if self._is_new(summary.id, summary):
                self._see(summary.id)
        for plan in reversed(plans):
            if self._is_new(plan.id, plan):
                self._write({"time_ms": self._now_ms(), "plan": plan.model_dump(mode="json")})
                with self._lock:
                    self._plans[plan.id] = reading.plan(plan)

    def _see(self, incident: str) -> None:
        """Read all of an incident that has changed."""
        detail = wire.IncidentDetail.model_validate(self._watcher.get(f"/api/ops/incidents/{incident}"))
        now_ms = self._now_ms()
        self._write({"time_ms": now_ms, "incident": detail.model_dump(mode="json")})
        with self._lock:
            self._incidents.append(reading.incident(detail, now_ms))

    def _is_new(self, id: str, answer: BaseModel) -> bool:
        said, before = answer.model_dump_json(), self._seen.get(id)
        self._seen[id] = said
        return said != before

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._evidence.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        self.join()
