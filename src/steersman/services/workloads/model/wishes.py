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


@dataclass(frozen=True, slots=True)
class Priority:
    """A niceness (20 levels each way; less is more), the cores that may be used, and the niceness of the session.

    The last is None where the kernel does not weigh sessions against each other; where it does, niceness itself only
    counts among the processes of one session.
    """

    nice: Annotated[int, Field(ge=-20, le=19)]
    cores: tuple[int, ...]
    session: Annotated[int, Field(ge=-20, le=19)] | None = None


@dataclass(frozen=True, slots=True)
class Renice:
    """Which niceness to give."""

    service: str
    nice: Annotated[int, Field(ge=-20, le=19)]
    replica: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What a process may take now, and could before."""

    pid: int
    start_ticks: int
    boot: str
    before: Priority
    after: Priority


@dataclass(frozen=True, slots=True)
class Reprioritised:
    """The replicas whose priority was changed, by name."""

    service: str
    replicas: dict[str, Held]


@dataclass(frozen=True, slots=True)
class Scale:
    """How many replicas to have."""

    service: str
    replicas: Annotated[int, Field(ge=0, le=64)]


@dataclass(frozen=True, slots=True)
class Scaled:
    """How many there were and are."""

    service: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class DeployWish:
    """Which release to run, as the link names it."""

    service: str
    to: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class ConfigWish:
    """Which of the kept versions of a configuration file to put in place, by the beginning of its digest."""

    service: str
    file: str
    to: Annotated[str, Field(min_length=8, max_length=64)]


@dataclass(frozen=True, slots=True)
class KnobWish:
    """Where to turn a knob of a service."""

    service: str
    knob: str
    value: Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class FailOver:
    """Who takes over: the standby that the settings name, or the service itself again."""

    service: str
    to: str


@dataclass(frozen=True, slots=True)
class Switched:
    """What stood there and stands there now, and what became of each replica."""

    service: str
    before: str
    after: str
    replicas: dict[str, str]
