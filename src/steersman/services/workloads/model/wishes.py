"""What the actions take and give. `replica` is a number; without it, all replicas of the service are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

#: Signals that a service may have a meaning for, or that pause and continue it.
SignalName = Literal["HUP", "USR1", "USR2", "INT", "QUIT", "TERM", "KILL", "STOP", "CONT", "WINCH"]


@dataclass(frozen=True, slots=True)
class Which:
    """A service, or one replica of it."""

    service: str
    replica: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True)
class SignalWish:
    """Which signal to send to whom."""

    service: str
    signal: SignalName
    replica: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of each replica, in words, by its name."""

    service: str
    replicas: dict[str, str]
