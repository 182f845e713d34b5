"""The section [optimizer]: whether it may experiment on its own, and how much evidence it asks for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class OptimizerSettings(BaseModel):
    """The `[optimizer]` section. As installed it only recommends; a person may start an experiment at any time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiments: bool = Field(default=False, description="Whether it starts experiments without being asked.")
    interval_seconds: float = Field(600.0, ge=10, le=86_400, description="Between two looks for recommendations.")
    every_hours: float = Field(24.0, ge=1, le=10_000, description="Between two experiments that nobody asked for.")
    least_gain: float = Field(0.02, ge=0, le=1, description="A turn is kept from this relative gain on.")
    significance: float = Field(0.05, gt=0, lt=0.5, description="How likely a gain by chance may be.")
    harm_share: float = Field(
        0.25, gt=0, le=10, description="A turn is taken back at once when the guard is worse by this share."
    )
    idle_share: float = Field(0.2, gt=0, lt=1, description="Below this share of its CPU or memory something is idle.")
