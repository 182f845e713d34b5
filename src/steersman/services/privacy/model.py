"""The values of privacy: the record of processing, an export, an erasure with its steps."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from steersman.contract.freetext import FREE_TEXT


class RecordEntry(BaseModel):
    """One line of the record of processing (GDPR, article 30)."""

    service: str
    name: str
    what: str
    purpose: str
    basis: str
    kept: str
    erased: bool
    stays: str


class Export(BaseModel):
    """All that is kept about a person, by service and kind, with a digest over it."""

    account: str
    name: str
    exported_ms: int
    data: dict[str, Any]
    sha256: str


class ErasureWish(BaseModel):
    """Why somebody's data is to be taken away; it stands in the journal."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=3, max_length=500, json_schema_extra=FREE_TEXT)]


class Step(BaseModel):
    """What became of one kind of data."""

    service: str
    name: str
    outcome: str


class Erasure(BaseModel):
    """An erasure: done when `done_ms` is set, with what became of each kind, and where a trace was still found."""

    id: str
    account: str
    asked_by: str
    reason: str
    asked_ms: int
    done_ms: int | None
    steps: list[Step]
