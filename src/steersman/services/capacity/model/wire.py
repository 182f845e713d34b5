"""What the API of capacity takes and answers. Times are milliseconds UTC."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Confidence = Literal["high", "medium", "low", "none"]


class BackTested(BaseModel):
    """How wrong the method was on the recent past, from origins that did not choose it."""

    method: str
    mase: float | None = Field(description="1 is as wrong as repeating the last value or season, one step ahead.")
    smape: float = Field(description="Percent, 0 to 200.")
    origins: int
    tested_hours: float = Field(description="How far ahead was tested; a date beyond it is an extrapolation.")


class ForecastLine(BaseModel):
    """One forecast without its points."""

    id: str
    kind: str
    name: str
    entity: str
    unit: str
    now: float | None
    limit: float | None
    history_hours: float
    horizon_hours: float
    expected_at_end: float | None
    error: BackTested | None
    why_not: str = ""


class Forecasts(BaseModel):
    time_ms: int
    forecasts: list[ForecastLine]
    left_out: dict[str, int] = Field(description="Series beyond the cap, by metric.")


class Point(BaseModel):
    time_ms: int
    value: float
    low: float
    high: float


class ForecastDetail(ForecastLine):
    """One forecast with its points; `low` and `high` are the band of `coverage`."""

    coverage: float | None
    points: list[Point]
    past: list[tuple[int, float]] = Field(description="The latest known points that it was made from.")


class RunsOut(BaseModel):
    """When the band meets the limit; null is beyond the horizon."""

    earliest_ms: int | None
    expected_ms: int | None
    latest_ms: int | None


class Resource(BaseModel):
    """Something bounded. `used` and `expected_at_end` are shares of its limit."""

    forecast: str
    kind: str
    name: str
    entity: str
    used: float | None
    capacity: float | None
    unit: str
    runs_out: RunsOut | None
    error: BackTested | None
    confidence: Confidence
    words: str


class Resources(BaseModel):
    time_ms: int
    resources: list[Resource]
    left_out: dict[str, int]


class WhatIf(BaseModel):
    """A change to imagine."""

    model_config = ConfigDict(extra="forbid")

    traffic_factor: float = Field(1.0, gt=0, le=1000)
    nodes_lost: int = Field(0, ge=0, le=10_000)


class Changed(BaseModel):
    """What a change does to one resource."""

    forecast: str
    kind: str
    name: str
    entity: str
    used_now: float | None
    before: RunsOut | None
    after: RunsOut | None
    effect: str


class ReplicaNeed(BaseModel):
    """What a service would need. `needed` is null where nobody said or could learn what a replica bears."""

    service: str
    replicas: int
    replicas_left: int
    peak_rps: float
    bears_rps_per_replica: float | None
    source: str
    needed: int | None
    short: int | None


class WhatIfAnswer(BaseModel):
    question: WhatIf
    nodes: int
    resources: list[Changed]
    services: list[ReplicaNeed]
    assumptions: list[str]


class PlanStep(BaseModel):
    """Replicas for one span of time, for the upper edge of the forecast."""

    start_ms: int
    end_ms: int
    expected_rps: float
    high_rps: float
    replicas: int


class ReplicaPlan(BaseModel):
    service: str
    replicas_now: int
    bears_rps_per_replica: float
    source: str
    target_utilisation: float
    steps: list[PlanStep]
    error: BackTested | None
    hpa: str = Field(description="A HorizontalPodAutoscaler, autoscaling/v2, as YAML for kubectl apply.")


class Refreshed(BaseModel):
    time_ms: int
    resources: int
    forecasts: int
