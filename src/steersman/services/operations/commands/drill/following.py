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

from steersman.model.errors import SteersmanError
from steersman.services.operations.commands.drill import reading
from steersman.services.operations.commands.drill.observed import IncidentSeen, PlanSeen
from steersman.services.operations.commands.drill.watcher import Watcher

_EVERY_SECONDS = 0.5
#: What changes with each look and says nothing new.
_RESTLESS = ("updated_ms",)
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
            except (SteersmanError, KeyError, TypeError, ValueError) as error:
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
        incidents = reading.items(self._watcher.get("/api/ops/incidents", limit=100))
        plans = reading.items(self._watcher.get("/api/ops/plans", limit=100))
        now_ms = self._now_ms()
        with self._lock:
            for one in sorted(incidents, key=lambda each: each["opened_ms"]):
                if self._is_new("incident", one, now_ms):
                    self._incidents.append(reading.incident(one, now_ms))
            for one in sorted(plans, key=lambda each: each["decided_ms"]):
                if self._is_new("plan", one, now_ms):
                    seen = reading.plan(one)
                    self._plans[seen.id] = seen

    def _is_new(self, kind: str, answer: Mapping[str, Any], now_ms: int) -> bool:
        said = json.dumps({name: value for name, value in answer.items() if name not in _RESTLESS}, sort_keys=True)
        if self._seen.get(answer["id"]) == said:
            return False
        self._seen[answer["id"]] = said
        self._write({"time_ms": now_ms, kind: answer})
        return True

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._evidence.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        self.join()
