"""What may be done about an attacker: the wishes of the actions, what came of them, and what the API shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, Field

#: A week: what should last longer belongs into a list, where a person looks after it.
LONGEST_MINUTES = 7 * 24 * 60


class MeasureKind(StrEnum):
    """Refuse an address; answer it seldom; take no password for an account from where it never signed in."""

    BAN = "ban"
    SLOW = "slow"
    LOCK = "lock"


class Ban(BaseModel, frozen=True):
    """Refuse an address or a network for a while."""

    network: str = Field(max_length=64, description="An address, or a network such as 203.0.113.0/24.")
    minutes: int = Field(60, ge=1, le=LONGEST_MINUTES)


class SlowDown(BaseModel, frozen=True):
    """Answer an address or a network no more often than once in so many seconds."""

    network: str = Field(max_length=64, description="An address, or a network such as 203.0.113.0/24.")
    minutes: int = Field(30, ge=1, le=LONGEST_MINUTES)
    every_seconds: float = Field(1.0, ge=0.1, le=60)


class LockPassword(BaseModel, frozen=True):
    """Take no password for an account from a place where it has not signed in before."""

    account: str = Field(max_length=64, description="The id of the account.")
    minutes: int = Field(30, ge=1, le=LONGEST_MINUTES)


class EndSessions(BaseModel, frozen=True):
    """Sign an account out everywhere."""

    account: str = Field(max_length=64, description="The id of the account.")


class Ended(BaseModel, frozen=True):
    """An account that was signed out."""

    account: str


class MeasureView(BaseModel, frozen=True):
    """One measure that holds until a time. `id` is what lifts it."""

    id: str
    kind: MeasureKind
    target: str
    every_seconds: float
    since_ms: int
    until_ms: int


class SuspicionView(BaseModel, frozen=True):
    """Somebody who behaves like an attacker, and why it looks so."""

    key: str
    kind: str
    address: str
    account: str
    reason: str
    since_ms: int


class ListView(BaseModel, frozen=True):
    """A list of addresses: how many it refuses, and the lines that could not be read."""

    path: str
    networks: int
    wrong: list[str]


class AttacksView(BaseModel, frozen=True):
    """Attacks that requests held since the start, by kind; and requests that a measure kept out."""

    refused: dict[str, int]
    let_through: dict[str, int]
    kept_out: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A finding to be: who, what it looks like, and until when it counts.

    Where it is not `certain`, an honest person may look like that now and then. `address` is whom a measure may reach.
    """

    key: str
    kind: str
    reason: str
    since: float
    last: float
    address: str = ""
    account: str = ""
    certain: bool = True
