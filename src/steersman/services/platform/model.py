"""What the platform says about itself, as it goes over the wire, and the little it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

Level = Literal["debug", "info", "warning", "error"]


@dataclass(slots=True)
class PlatformState:
    """What the probes saw last. `levels` holds what each key changed, so that a repeated key tells the same."""

    started_at: float
    loop_lag_seconds: float = 0.0
    worst_lag_seconds: float = 0.0
    journal_head: int = 0
    levels: dict[str, LevelChange] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLevel:
    """Which logger to set to which level; the empty name is the root of all."""

    level: Level
    logger: str = ""


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A logger's level before and after, as logging's numbers; 0 means that it follows its parent."""

    logger: str
    before: int
    after: int


class Check(BaseModel):
    """One readiness check."""

    name: str
    ready: bool
    detail: str


class Task(BaseModel):
    """One background task under the supervisor."""

    name: str
    activity: str
    restarts: int
    last_error: str | None


class Status(BaseModel):
    """How the platform is doing."""

    version: str
    ready: bool
    uptime_seconds: float
    startup_seconds: float | None
    checks: list[Check]
    tasks: list[Task]


class Entry(BaseModel):
    """One entry of the journal."""

    seq: int
    id: str
    time_ns: int
    actor: str
    type: str
    subject: str
    payload: dict[str, Any]
    cause: str | None


class JournalPage(BaseModel):
    """Entries in order; pass `next` as `after` to go on."""

    entries: list[Entry]
    next: int


class InvariantResult(BaseModel):
    """What a check of an invariant found; `violation` is None while it holds."""

    service: str
    name: str
    severity: str
    violation: str | None


class Settings(BaseModel):
    """The settings in force, by section, without secrets."""

    sections: dict[str, dict[str, Any]]
