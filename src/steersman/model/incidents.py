"""Incidents: findings that belong together, what may be behind them, and what a person can check of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from steersman.model.entities import CauseKind, Entity
from steersman.model.findings import Severity
from steersman.model.ids import DEFAULT_TENANT, Id, Tenant


class IncidentState(StrEnum):
    """Mitigated: its signals are back and are being watched. Resolved is the end."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation that speaks for a cause (weight above 0) or against it, in words a person can check.

    `reference` is the key of a finding, the id of a change, or the selector of a series.
    """

    text: str
    weight: float
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A cause at an entity. `score` is its share of belief among the hypotheses of the incident, 0 to 1."""

    cause: CauseKind
    entity: Entity
    score: float
    evidence: tuple[Evidence, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.cause}@{self.entity.ref}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Findings that belong together. `findings` are keys, `entities` references; both in the order of their coming."""

    id: Id
    opened_ms: int
    updated_ms: int
    severity: Severity
    title: str
    state: IncidentState = IncidentState.OPEN
    findings: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    plans: tuple[Id, ...] = ()
    mitigated_ms: int | None = None
    resolved_ms: int | None = None
    resolution: str = ""
    tenant: Tenant = DEFAULT_TENANT
    notes: tuple[str, ...] = field(default=())
