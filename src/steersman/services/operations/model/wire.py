"""The answers about incidents, findings, plans and lessons, as programs read them.

Entities are references (`kind:id`), times are milliseconds UTC and names of risks and autonomy are lower case. What is
read here is shaped in `logic/views.py`; nothing is computed in a model.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction, FindingSource, Severity
from steersman.model.incidents import IncidentState
from steersman.model.plans import PlanState, VerdictKind

#: Text that every database can compare.
Words = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
#: Milliseconds UTC, up to the year 285,000.
Time = Annotated[int, Field(ge=0, lt=2**53)]
Limit = Annotated[int, Field(ge=1, le=500)]
RiskName = Literal["read", "reversible", "disruptive", "destructive"]
AutonomyName = Literal["observe", "suggest", "approve", "act"]


class Query(BaseModel):
    """What an address takes after the question mark. A name that it does not know is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class IncidentQuery(Query):
    """Which incidents, newest first; `cursor` is the `next` of the page before."""

    state: IncidentState | None = None
    severity: Severity | None = None
    entity: Words | None = None
    since: Time | None = None
    cursor: Words | None = None
    limit: Limit = 50


class FindingQuery(Query):
    """Which findings, newest first."""

    entity: Words | None = None
    aspect: Aspect | None = None
    severity: Severity | None = None
    active: bool | None = None
    cursor: Words | None = None
    limit: Limit = 50


class PlanQuery(Query):
    """Which plans, newest first."""

    state: PlanState | None = None
    incident: Words | None = None
    cursor: Words | None = None
    limit: Limit = 50


class Belief(BaseModel):
    """A cause at an entity, with its share of belief."""

    cause: CauseKind
    entity: str
    score: float


class EvidenceLine(BaseModel):
    """One observation for the cause (weight above 0) or against it."""

    text: str
    weight: float
    reference: str


class HypothesisDetail(Belief):
    """A belief and what a person can check of it."""

    evidence: list[EvidenceLine]


class FindingDetail(BaseModel):
    """One unusual thing about one entity."""

    key: str
    entity: str
    aspect: Aspect
    direction: Direction
    source: FindingSource
    severity: Severity
    active: bool
    started_ms: int
    seen_ms: int
    ended_ms: int | None
    reason: str
    score: float
    value: float | None
    expected: float | None
    signal: str
    peer: str | None
    suggests: list[CauseKind]
    incident: str | None


class FindingPage(BaseModel):
    """Findings, newest first; `next` is None on the last page."""

    findings: list[FindingDetail]
    next: str | None


class VerdictDetail(BaseModel):
    """What an action did to the incident's own signals and to its neighbours."""

    kind: VerdictKind
    time_ms: int
    reason: str
    harm: list[str]


class Consent(BaseModel):
    """Who of the two people whom an action asks for said yes, by their names, and how many are missing."""

    given: list[str]
    missing: int


class PlanDetail(BaseModel):
    """A decision to do one thing about one incident, and what became of it.

    `consent` is there where two different people have to want it.
    """

    id: str
    incident: str
    state: PlanState
    action: str
    args: dict[str, Any]
    target: str
    cause: str
    risk: RiskName
    reversible: bool
    summary: str
    undo: str
    autonomy: AutonomyName
    confidence: float
    reason: str
    outcome: str
    decided_ms: int
    applied_ms: int | None
    ended_ms: int | None
    verdict: VerdictDetail | None
    consent: Consent | None = None


class PlanPage(BaseModel):
    """Plans, newest first; `next` is None on the last page."""

    plans: list[PlanDetail]
    next: str | None


class IncidentSummary(BaseModel):
    """An incident in a list; `cause` is what is believed most."""

    id: str
    state: IncidentState
    severity: Severity
    title: str
    opened_ms: int
    updated_ms: int
    mitigated_ms: int | None
    resolved_ms: int | None
    resolution: str
    entities: list[str]
    cause: Belief | None
    finding_count: int
    plan_count: int


class IncidentPage(BaseModel):
    """Incidents, newest first; `next` is None on the last page."""

    incidents: list[IncidentSummary]
    next: str | None


class FeedbackLine(BaseModel):
    """A person's word on an incident."""

    kind: str
    time_ms: int
    actor: str
    text: str


class IncidentDetail(IncidentSummary):
    """An incident with everything that is known of it."""

    hypotheses: list[HypothesisDetail]
    findings: list[FindingDetail]
    plans: list[PlanDetail]
    feedback: list[FeedbackLine]
    notes: list[str]


class TimelineLine(BaseModel):
    """One journal entry of an incident; `cause` is the id of the entry that led to it."""

    seq: int
    id: str
    time_ms: int
    actor: str
    type: str
    cause: str | None
    payload: dict[str, Any]


class Timeline(BaseModel):
    """What happened around an incident, in order."""

    incident: str
    entries: list[TimelineLine]


class Diagnosis(BaseModel):
    """What may be behind an incident, most likely first."""

    incident: str
    title: str
    state: IncidentState
    updated_ms: int
    hypotheses: list[HypothesisDetail]


class LessonDetail(BaseModel):
    """How often an action helped in a situation; old cases weigh less. `rate` is the expected share of success."""

    action: str
    situation: str
    helped: float
    failed: float
    rate: float
    updated_ms: int
