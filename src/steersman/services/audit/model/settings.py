"""The section [audit]: how often a checkpoint is signed."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class AuditSettings(BaseModel):
    """The `[audit]` section. Until a checkpoint covers an entry, it can be changed unseen by who owns the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint_entries: int = Field(1_000, ge=1, le=1_000_000, description="New entries after which one is signed.")
    checkpoint_seconds: float = Field(
        5.0, ge=0.1, le=86_400, description="After so long one is signed if there is anything new."
    )
    witness: Path | None = Field(
        None, description="A file elsewhere, such as on another machine's disk, that every checkpoint is appended to."
    )
    interval_seconds: float = Field(1.0, ge=0.05, le=60, description="Between two looks for new entries.")
