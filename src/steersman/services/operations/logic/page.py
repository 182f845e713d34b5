"""What the page of the console says: one line of words for each line of a timeline, and the tone of states.

The words of reasons come from the loop in English; labels and states are translated by the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from steersman.services.operations.model.wire import TimelineLine

Tone = Literal["", "good", "warn", "bad"]

_GOOD, _WARN = 90, 60
_TONES: Mapping[str, Tone] = {
    **dict.fromkeys(("cured", "resolved", "applied"), "good"),
    **dict.fromkeys(("mitigated", "acknowledged", "awaiting_approval", "suggested", "unchanged", "undone"), "warn"),
    **dict.fromkeys(("open", "worse", "failed"), "bad"),
}
_SEVERITIES: Mapping[str, Tone] = {"critical": "bad", "warning": "warn"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the timeline: when, what kind (a key of the texts), in words, by whom, and how bad."""

    time_ms: int
    kind: str
    text: str
    actor: str
    tone: Tone


def score_tone(score: int) -> Tone:
    """Return the tone of a health score."""
    return "good" if score >= _GOOD else "warn" if score >= _WARN else "bad"


def state_tone(state: str) -> Tone:
    """Return the tone of a state of an incident or a plan."""
    return _TONES.get(state, "")


def severity_tone(severity: str) -> Tone:
    """Return the tone of a severity."""
    return _SEVERITIES.get(severity, "")


def clock(time_ms: int) -> str:
    """Write a time of day, UTC; the browser puts its own in its place."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%H:%M:%S}"


def row(line: TimelineLine) -> Row:
    """Put a line of the journal into words."""
    kind = line.type.rpartition(".")[2] if line.type.startswith("ops.") else "action"
    text, tone = _words(kind, line.type, line.payload)
    return Row(line.time_ms, kind, text, line.actor, tone)


def _words(kind: str, type: str, said: Mapping[str, Any]) -> tuple[str, Tone]:
    match kind:
        case "finding":
            over = said.get("ended_ms") is not None
            return f"{said['entity']}: {said['reason']}", "good" if over else severity_tone(said["severity"])
        case "incident":
            return said["why"], state_tone(said["state"])
        case "plan":
            return _joined(said["summary"] or said["action"], said["reason"]), ""
        case "execution" | "verdict":
            became: str = said.get("state") or said["kind"]
            return _joined(became.replace("_", " "), said.get("outcome") or said.get("reason")), state_tone(became)
        case "lesson":
            helped, failed = said["helped"], said["failed"]
            return f"{said['action']} · {said['situation']}: +{helped:.1f} / −{failed:.1f}", ""
        case "feedback":
            return _joined(said["kind"], said.get("text")), ""
        case "abstained":
            return said["reason"], "warn" if said["kind"] == "escalate" else ""
        case _:
            return _joined(type, said.get("error")), ""


def _joined(first: str, second: str | None) -> str:
    return f"{first}: {second}" if second else first
