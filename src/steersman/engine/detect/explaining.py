"""What the other signals of an entity explain: more work needs more processor, and without work there is no progress.

Only a severity is lowered here. Whether one entity explains another is for the diagnosis.
"""

from __future__ import annotations

from typing import Any

from steersman.engine.detect.registry import Registry
from steersman.engine.detect.state import Columns
from steersman.engine.signals.classify import PLATFORM
from steersman.engine.signals.terms import Judgement, Signal
from steersman.model.findings import Severity

_WORK = (Judgement.TRAFFIC, Judgement.PROGRESS)
_WAITING = (Judgement.QUEUE_LENGTH, Judgement.QUEUE_AGE)
_FEW = 0.3  # of the usual requests: hardly any
_UNMISSED = 3.0  # requests that should have come: below that, their absence is chance


def explained(columns: Columns, registry: Registry, signal: Signal, event: Any, severity: Severity) -> Severity:
    """Return the severity of a finding that begins or grows, in the light of what its entity has to do."""
    if signal.judgement not in {Judgement.CPU, Judgement.PROGRESS}:
        return severity
    if signal.entity == PLATFORM:
        return "info"  # its own work comes in bursts; what it owes is declared, such as the lag of its event loop
    rows = [(registry.signal(number), columns.signals[number]) for number in registry.by_entity[signal.entity.ref]]
    if signal.judgement is Judgement.CPU:
        grown = float(event["value"]) / max(float(event["expected"]), 1e-3)
        return "warning" if grown > 2.0 * _more_work(rows) else "info"
    return "info" if _is_idle(rows) else severity


def _more_work(rows: list[tuple[Signal, Any]]) -> float:
    """How many times the usual work is asked for or done, at least 1."""
    busy = [row for _, row in rows if row["judgement"] in _WORK and row["expected"] > 0]
    return max([1.0, *(float(row["value"] / row["expected"]) for row in busy)])


def _is_idle(rows: list[tuple[Signal, Any]]) -> bool:
    """Whether nothing waits, and nothing comes in where that can be seen."""
    waiting = [row for _, row in rows if row["judgement"] in _WAITING]
    if any(row["value"] > row["expected"] + 3.0 * max(float(row["spread"]), 1.0) for row in waiting):
        return False
    asked = [
        row for one, row in rows if row["judgement"] == Judgement.TRAFFIC and one.peer is None and row["expected"] > 0
    ]
    if asked:
        return all(row["value"] < _FEW * row["expected"] and row["owed"] >= _UNMISSED for row in asked)
    return bool(waiting)
