"""The answers about the loop itself and what it watches: status, health, levels, actions, topology, changes, drills."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from steersman.model.changes import ChangeKind
from steersman.model.entities import CauseKind, EntityKind
from steersman.model.findings import Aspect, Severity
from steersman.model.topology import EdgeKind
from steersman.services.operations.model.wire import AutonomyName, Limit, Query, RiskName, Time, Words


class LoopView(BaseModel):
    """How the loop turns. `blind` says why it does not act; `age_seconds` is the time since its last round."""

    started_ms: int
    rounds: int
    last_round_ms: int | None
    age_seconds: float | None
    round_seconds: float
    series: int
    blind: str
    trouble: str


class Standing(BaseModel):
    """How many incidents and plans stand where as of the last recording, and what may be done."""

    health: int
    incidents: dict[str, int]
    open_incidents: int
    plans: dict[str, int]
    awaiting_approval: int
    active_findings: int
    autonomy: AutonomyName
    frozen: bool
    killed: bool


class Status(Standing):
    """The operations manager at one glance."""

    loop: LoopView


class Deduction(BaseModel):
    """Points that an entity loses, and for what."""

    points: int
    severity: Severity
    aspect: Aspect
    reason: str
    finding: str


class EntityHealth(BaseModel):
    """An entity's score, 100 being nothing unusual, and every point that is missing."""

    entity: str
    score: int
    deductions: list[Deduction]


class HealthScore(BaseModel):
    """The score of everything and how it came about; entities with the lowest score come first."""

    score: int
    explanation: str
    entities: list[EntityHealth]


class LevelQuery(Query):
    """Which levels."""

    entity: Words | None = None
    aspect: Aspect | None = None
    limit: Limit = 200


class Level(BaseModel):
    """How a signal of an entity stands: before, now, its slope per minute, its usual spread and its limit."""

    entity: str
    aspect: Aspect
    signal: str
    before: float | None
    now: float | None
    slope: float | None
    usual: float | None
    limit: float | None


class Levels(BaseModel):
    """Levels by entity and aspect; `total` counts those beyond the limit as well."""

    levels: list[Level]
    total: int


class ActionView(BaseModel):
    """An installed action. `autonomy` is what the policy allows where no rule names an entity.

    `autonomy_self_healing` is the same for a service that its owner marked as self-healing.
    """

    action: str
    help: str
    permission: str
    risk: RiskName
    target: EntityKind
    helps: list[CauseKind]
    undo: Literal["undo", "compensation", "none"]
    gain: float
    timeout_seconds: float
    per_hour: int
    proposes_itself: bool
    autonomy: AutonomyName
    autonomy_self_healing: AutonomyName
    helped: float
    failed: float


class EntityView(BaseModel):
    """A thing that is watched."""

    entity: str
    labels: dict[str, str]
    score: int


class EdgeView(BaseModel):
    """Who needs whom, and when that was last seen."""

    kind: EdgeKind
    source: str
    target: str
    seen_ms: int
    declared: bool


class TopologyView(BaseModel):
    """Everything that is known to be there, and what needs what."""

    entities: list[EntityView]
    edges: list[EdgeView]


class ChangeQuery(Query):
    """Which changes, newest first."""

    entity: Words | None = None
    since: Time | None = None
    cursor: Words | None = None
    limit: Limit = 50


class ChangeView(BaseModel):
    """What somebody altered on purpose."""

    id: str
    time_ms: int
    entity: str
    kind: ChangeKind
    summary: str
    actor: str
    details: dict[str, str]


class ChangePage(BaseModel):
    """Changes, newest first."""

    changes: list[ChangeView]
    next: str | None


class Taken(BaseModel):
    """How many changes were new, and how many had been told before."""

    taken: int
    known: int


class Drill(BaseModel):
    """The results of the last self-exam as it wrote them; None where there was none."""

    time_ms: int | None
    results: Annotated[Any, Field(description="The table of the last drill.")]
