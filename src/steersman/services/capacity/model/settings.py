"""The section [capacity]: how often to look, how far back and ahead, and what services are known to bear."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ServiceCapacity(BaseModel):
    """What an owner knows of a service. A stated maximum is preferred to one that is learnt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_rps_per_replica: float | None = Field(None, gt=0, description="Requests a second that one replica bears.")
    min_replicas: int = Field(1, ge=1, le=10_000)
    max_replicas: int = Field(20, ge=1, le=10_000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas: {self.max_replicas} is less than min_replicas = {self.min_replicas}")
        return self


class CapacitySettings(BaseModel):
    """The `[capacity]` section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval_seconds: float = Field(300.0, ge=10, le=86_400, description="Between two looks at everything bounded.")
    history_days: float = Field(28.0, ge=1, le=400, description="How far back a forecast looks.")
    horizon_days: float = Field(30.0, ge=1, le=400, description="How far ahead, but never beyond twice the history.")
    max_series: int = Field(
        200,
        ge=1,
        le=5_000,
        description="Series per metric that are looked at; /api/ops/capacity tells how many more there are.",
    )
    target_utilisation: float = Field(
        0.7, gt=0, le=1, description="The part of a replica's maximum that a plan uses; queues grow quickly above it."
    )
    services: dict[str, ServiceCapacity] = {}

    def service(self, name: str) -> ServiceCapacity:
        """Return what is known of a service, or the defaults."""
        return self.services.get(name, ServiceCapacity())
