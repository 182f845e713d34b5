"""What the API of maintenance answers. Probabilities are 0 to 1, times are milliseconds UTC."""

from __future__ import annotations

from pydantic import BaseModel, Field


class EvidenceLine(BaseModel):
    """One thing that speaks for a failure. `log_odds` is what it adds; what says the same trouble twice adds less."""

    rule: str
    text: str
    log_odds: float
    source: str = Field(description="Who found how much this matters.")
    reference: str = Field(description="The series, log line or device to look at.")
    seen_ms: int


class Window(BaseModel):
    """The probability that the component fails within so many days from now."""

    days: int
    probability: float


class ComponentView(BaseModel):
    id: str
    part: str
    name: str
    entity: str
    windows: list[Window]
    base_rate_30d: float = Field(description="What is usual for this kind of component, without any sign.")
    base_source: str
    evidence: list[EvidenceLine]
    advice: str


class Components(BaseModel):
    time_ms: int
    components: list[ComponentView]


class Task(BaseModel):
    """What to do before when. `at_ms` is the first hour before `before_ms` that is not busy; null if there is none."""

    component: str
    name: str
    task: str
    probability_30d: float
    before_ms: int
    at_ms: int | None
    note: str


class Schedule(BaseModel):
    time_ms: int
    risk_budget: float
    tasks: list[Task]
