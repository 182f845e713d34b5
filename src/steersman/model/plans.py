"""Remedies, plans, verdicts and lessons: what could be done, what is done, whether it helped, what that taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from steersman.model.entities import CauseKind, Entity
from steersman.model.ids import DEFAULT_TENANT, Id, Tenant


class Risk(IntEnum):
    """What an action can do to its target at worst; policy reads this and never the action's name."""

    READ = 0
    REVERSIBLE = 1
    DISRUPTIVE = 2
    DESTRUCTIVE = 3


class Autonomy(IntEnum):
    """What may be done without a person: nothing, say what would help, ask first, or act and tell."""

    OBSERVE = 0
    SUGGEST = 1
    APPROVE = 2
    ACT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """An action with arguments that could help against a cause at an entity. `action` is `service.name`.

    `gain` is the chance that the action helps if the cause is right, as it is declared (0 to 1); lessons correct it.
    `within_seconds` is how long its effect may take. `expects` names signals that should return to what is healthy.
    With `two_people` two different people have to want it, so it is never done without asking.
    """

    action: str
    args: Mapping[str, Any]
    target: Entity
    cause: CauseKind
    risk: Risk
    summary: str
    undo: str = ""
    reversible: bool = False
    gain: float = 0.7
    within_seconds: float = 30.0
    expects: tuple[str, ...] = ()
    two_people: bool = False


class PlanState(StrEnum):
    """Where a plan stands. Suggested and refused plans have had no effect; `undone` had one that was taken back."""

    SUGGESTED = "suggested"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    APPLYING = "applying"
    VERIFYING = "verifying"
    CURED = "cured"
    UNCHANGED = "unchanged"
    WORSE = "worse"
    UNDONE = "undone"
    FAILED = "failed"
    REJECTED = "rejected"
    REFUSED = "refused"
    NOTHING_TO_DO = "nothing_to_do"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A decision to do one thing about one incident. `reason` says in words why this and why now."""

    id: Id
    incident: Id
    remedy: Remedy
    cause: str
    confidence: float
    autonomy: Autonomy
    decided_ms: int
    reason: str
    state: PlanState = PlanState.SUGGESTED
    applied_ms: int | None = None
    ended_ms: int | None = None
    outcome: str = ""
    tenant: Tenant = DEFAULT_TENANT

    @property
    def situation(self) -> str:
        """What lessons are learnt about: the cause and the kind of thing it struck."""
        return f"{self.remedy.cause}@{self.remedy.target.kind}"


class VerdictKind(StrEnum):
    """What an action did to the incident's own signals and to the neighbours'."""

    CURED = "cured"
    UNCHANGED = "unchanged"
    WORSE = "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of the watching after an action, with what was seen. `harm` lists neighbours that became worse."""

    plan: Id
    kind: VerdictKind
    time_ms: int
    reason: str
    harm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How often an action helped in a situation; both counts lose half their weight in `HALF_LIFE_DAYS` days."""

    action: str
    situation: str
    helped: float = 0.0
    failed: float = 0.0
    updated_ms: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which a policy holds back: milliseconds UTC, and a glob over entity references."""

    start_ms: int
    end_ms: int
    entities: str = "*"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What may be done by itself where: globs over action, entity, environment and cause. The last match counts."""

    autonomy: Autonomy
    actions: str = "*"
    entities: str = "*"
    environments: str = "*"
    causes: str = "*"
    max_risk: Risk = Risk.DISRUPTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The owner's will. A service that is marked as self-healing may be acted upon up to a disruptive action.

    `blast_radius` is how many entities may be acted upon at the same time, `per_hour` the budget of actions over
    everything, `cooldown_seconds` the rest of one entity between two actions, `confidence` the least belief to act on.
    """

    default: Autonomy = Autonomy.SUGGEST
    rules: tuple[Rule, ...] = ()
    self_healing: bool = True
    confidence: float = 0.5
    blast_radius: int = 2
    per_hour: int = 30
    cooldown_seconds: float = 20.0
    maintenance: tuple[Window, ...] = ()
    frozen: bool = False
    killed: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)
