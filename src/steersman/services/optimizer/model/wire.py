"""What the API of the optimizer takes and answers, and what is stored. Times are milliseconds UTC."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class State(StrEnum):
    """Queued and running are open. Interrupted: by an incident, a kill or a stop; the knob stands as it did before."""

    QUEUED = "queued"
    RUNNING = "running"
    KEPT = "kept"
    REVERTED = "reverted"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


OPEN = (State.QUEUED, State.RUNNING)


class ExperimentWish(BaseModel):
    """An experiment to make: one step of one knob, in `periods` pairs of `seconds` each way."""

    model_config = ConfigDict(extra="forbid")

    service: str = Field(max_length=200)
    knob: str = Field(max_length=200)
    direction: Literal["up", "down"] = "up"
    periods: int = Field(6, ge=5, le=12, description="Pairs of a period as before and one as tried, in random order.")
    seconds: float = Field(60.0, ge=1, le=3600, description="Of each period; never shorter than the knob's cool-down.")


class Effect(BaseModel):
    """What the turn did to the guard: the difference with its interval, and the chance of one as good by accident."""

    control: float
    difference: float
    low: float
    high: float
    gain: float = Field(description="Relative to the control, above 0 is better, whichever way the guard is read.")
    chance: float = Field(description="Of a gain at least as large if the turn did nothing: exact sign-flip test.")
    pairs: int


class Period(BaseModel):
    """One period; `value` is null while or where the guard told nothing."""

    tried: bool
    started_ms: int
    value: float | None


class Experiment(BaseModel):
    id: str
    service: str
    knob: str
    guard: str
    lower_is_better: bool
    prior: float
    trial: float
    periods: int
    seconds: float
    by: str
    state: State
    created_ms: int
    ended_ms: int | None = None
    measured: list[Period] = []
    effect: Effect | None = None
    reason: str = ""


class Experiments(BaseModel):
    experiments: list[Experiment]


class RecommendationState(StrEnum):
    OPEN = "open"
    APPLIED = "applied"
    DISMISSED = "dismissed"


class Recommendation(BaseModel):
    """Something to do. `applies` says what applying it does; null means that a person has to do it elsewhere."""

    id: str
    kind: Literal["try_knob", "fewer_replicas", "less_memory"]
    service: str
    subject: str
    title: str
    why: str
    evidence: list[str]
    expected_gain: str
    cost: str
    risk: Literal["reversible", "by_hand"]
    applies: str | None
    target: float | None = None
    direction: Literal["up", "down"] = "up"
    state: RecommendationState = RecommendationState.OPEN
    updated_ms: int = 0


class Recommendations(BaseModel):
    recommendations: list[Recommendation]


class Applied(BaseModel):
    """What was begun or done. An experiment is asked for by its id."""

    recommendation: Recommendation
    experiment: str | None = None
    result: str = ""
