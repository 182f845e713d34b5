"""The section [identity] of the settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class IdentitySettings(BaseModel):
    """Whose tokens these are, and which passwords are known to have leaked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(default="steersman", min_length=1, max_length=200)
    audience: str = Field(default="steersman", min_length=1, max_length=200)
    breached_passwords: Path | None = None
    signing_key_days: int = Field(default=30, ge=1, le=366)
