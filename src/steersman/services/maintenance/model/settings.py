"""The section [maintenance]: how often to look, which disks to ask for SMART data, and when nobody has time."""

from __future__ import annotations

import re
from datetime import time
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: A device is an argument of smartctl: it is a path below /dev and nothing else.
_DEVICE = re.compile(r"/dev/[A-Za-z0-9][A-Za-z0-9/_-]*")


class Busy(BaseModel):
    """A weekly span, in UTC, in which no work is to be planned. It ends on the same day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: tuple[Day, ...] = DAYS
    start: time
    end: time

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("a busy span ends after its start, on the same day")
        return self


class MaintenanceSettings(BaseModel):
    """The `[maintenance]` section."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval_seconds: float = Field(300.0, ge=10, le=86_400, description="Between two looks at everything.")
    smartctl: str = Field("smartctl", description="The program that reads SMART data, where it is installed.")
    smart_devices: tuple[str, ...] = Field((), description="Disks that smartctl is asked about; none by default.")
    smart_hours: float = Field(6.0, ge=0.1, le=720, description="Between two questions to a disk, which wake it.")
    plan_from: float = Field(0.1, gt=0, le=1, description="Work is planned from this probability in 30 days on.")
    risk_budget: float = Field(
        0.05, gt=0, lt=1, description="Work is due before the probability of a failure by then reaches this."
    )
    busy: tuple[Busy, ...] = Field((), description="When no work is planned, in UTC.")

    @field_validator("smart_devices")
    @classmethod
    def _devices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for device in value:
            if not _DEVICE.fullmatch(device):
                raise ValueError(f"{device!r} is not a device such as /dev/sda")
        return value
