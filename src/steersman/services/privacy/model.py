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
    days: float | None = None
    columns: list[str] = []
    on_hold: int = 0


class Export(BaseModel):
    """All that is kept about a person, by service and kind, with a digest over it.

    `format` only changes with the shape of what is around the kinds; each kind is what its service declares. `sha256`
    is over `data` as JSON with sorted keys, `", "` and `": "` between, and characters as they are.
    """

    format: str = "steersman person 1"

    account: str
    name: str
    exported_ms: int
    data: dict[str, Any]
    sha256: str


Reason = Annotated[str, Field(min_length=3, max_length=500, json_schema_extra=FREE_TEXT)]


class ErasureWish(BaseModel):
    """Why somebody's data is to be taken away; it stands in the journal.

    With `name_is_a_word`, texts are searched for the address and the ids alone: for a name that is an ordinary word.
    """

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    name_is_a_word: bool = False


class HoldWish(BaseModel):
    """Why a legal hold is placed or lifted; it stands in the journal."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class Hold(BaseModel):
    """Somebody whose data is kept although they or the time would end it."""

    account: str
    reason: str
    placed_by: str
    placed_ms: int


class Step(BaseModel):
    """What became of one kind of data."""

    service: str
    name: str
    outcome: str


class Erasure(BaseModel):
    """An erasure: done when `done_ms` is set, with what became of each kind, and where a trace was still found.

    `trouble` says why one that is not done does not go on at the moment.
    """

    id: str
    account: str
    asked_by: str
    reason: str
    asked_ms: int
    done_ms: int | None
    steps: list[Step]
    trouble: str = ""
