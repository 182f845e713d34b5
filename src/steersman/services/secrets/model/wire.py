"""What goes over the wire. A value comes in masked from the first moment on, and goes out by one address only."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, Field, SecretStr

from steersman.contract.freetext import FREE_TEXT

#: Certificates with their chains fit; files do not.
LONGEST = 64 * 1024


class NewValue(BaseModel):
    """A value in the place of the one before, if there is one."""

    value: SecretStr = Field(
        min_length=1, max_length=LONGEST, description=f"The value, {LONGEST} bytes of UTF-8 at most."
    )
    note: str = Field(
        default="",
        max_length=200,
        # PostgreSQL keeps no NUL in a text.
        pattern=r"^[^\x00]*$",
        description="What it is for. It is shown in lists.",
        json_schema_extra=FREE_TEXT,
    )


class SecretView(BaseModel):
    """A secret without its value."""

    name: str
    note: str
    created_ms: int
    changed_ms: int


class SecretValue(BaseModel):
    """A value, for whoever may see it."""

    name: str
    value: str


class KeyView(BaseModel):
    """One key of the ring; `values` is how many values are sealed with it."""

    id: str
    state: str
    made_s: int
    values: int


class RingView(BaseModel):
    """The ring, and how far the renewal of what older keys sealed is."""

    keys: list[KeyView]
    sealed: int
    left: int
    unfinished: bool


@dataclass(frozen=True, slots=True)
class Rotate:
    """Make a new key; nothing is to be said about it."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """The key that seals from now on, and the one before, whose values are being renewed."""

    active: str
    before: str
