"""What people say to the loop: a word on an incident, an answer to a plan, and their will as a policy."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from steersman.contract.freetext import FREE_TEXT
from steersman.services.operations.model.wire import AutonomyName, RiskName, Time

Text = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$"), Field(json_schema_extra=FREE_TEXT)]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True, pattern=r"^[^\x00]*$")]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Word(_Said):
    """A remark, or nothing."""

    text: Text = ""


class Judgement(_Said):
    """Whether the diagnosis was right; or that the incident is not over."""

    kind: Literal["right", "wrong", "reopened"]
    text: Text = ""


class RuleBody(_Said):
    """What may be done where; everything left out matches anything, and the last rule that matches counts."""

    autonomy: AutonomyName
    actions: Glob = "*"
    entities: Glob = "*"
    environments: Glob = "*"
    causes: Glob = "*"
    max_risk: RiskName = "disruptive"


class WindowBody(_Said):
    """A time in which nothing is done by itself to some entities."""

    start_ms: Time
    end_ms: Time
    entities: Glob = "*"
    reason: Text = ""


class PolicyBody(_Said):
    """The owner's will. It replaces what was there; the kill switch and the freeze stay as they are."""

    autonomy: AutonomyName = "suggest"
    self_healing: bool = True
    rules: Annotated[tuple[RuleBody, ...], Field(max_length=500)] = ()
    confidence: float = Field(0.5, ge=0, le=1)
    blast_radius: int = Field(2, ge=0, le=1000)
    per_hour: int = Field(30, ge=0, le=10_000)
    cooldown_seconds: float = Field(20.0, ge=0, le=86_400)
    maintenance: Annotated[tuple[WindowBody, ...], Field(max_length=500)] = ()
    limits: dict[Glob, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict, max_length=500)
    why: Text = ""


class PolicyVersion(BaseModel):
    """Who changed the policy when, and why. Version 0 is what the settings say."""

    version: int
    time_ms: int | None
    actor: str
    why: str


class PolicyView(BaseModel):
    """What is in force now."""

    version: int
    autonomy: AutonomyName
    self_healing: bool
    rules: list[RuleBody]
    confidence: float
    blast_radius: int
    per_hour: int
    cooldown_seconds: float
    maintenance: list[WindowBody]
    limits: dict[str, float]
    frozen: bool
    killed: bool
    history: list[PolicyVersion]


class Told(BaseModel):
    """It is stored, and the loop hears of it in its next round."""

    incident: str
    kind: str
    time_ms: int
    actor: str


class Answered(BaseModel):
    """It is on its way; the plan shows how it goes."""

    plan: str
    answer: Literal["approve", "reject", "undo"]
    details: dict[str, Any] = Field(default_factory=dict)
