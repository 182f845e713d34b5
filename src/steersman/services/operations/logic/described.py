"""What a person is told of a command of the loop: the kind of line and the line, as the journal has them.

Questions and single findings are left out: they are many, and what comes of them is told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from steersman.model.plans import PlanState
from steersman.model.rounds import Abstained, Command, Decided, IncidentChanged, Judged, Learnt, Withdrawn
from steersman.services.operations.logic import lines


def described(command: Command) -> tuple[str, dict[str, Any]] | None:
    """Return the kind and the line of a command that a person reads."""
    match command:
        case IncidentChanged():
            return lines.INCIDENT, lines.incident_line(command)
        case Decided(plan):
            return lines.PLAN, lines.plan_line(plan)
        case Withdrawn(plan, reason):
            return lines.PLAN, lines.plan_line(replace(plan, state=PlanState.EXPIRED, outcome=reason))
        case Abstained():
            return lines.ABSTAINED, lines.abstained_line(command)
        case Judged():
            return lines.VERDICT, lines.verdict_line(command)
        case Learnt(lesson):
            return lines.LESSON, lines.lesson_line(lesson)
        case _:
            return None


def incident_of(command: Command) -> str:
    """Return the id of the incident that a command is about, where it is about one."""
    match command:
        case IncidentChanged(incident, _):
            return incident.id
        case Decided(plan) | Withdrawn(plan, _) | Judged(plan, _, _):
            return plan.incident
        case Abstained():
            return command.incident
        case _:
            return ""
