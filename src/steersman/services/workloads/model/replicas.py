"""What is known of one replica: who it is, whether it should run, how it fared. Values; the fleet replaces them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for another: its number, and when it started in ticks of one boot."""

    pid: int
    start_ticks: int
    boot: str


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended. `status` is what wait gave (negative: the signal); None when nobody could wait for it."""

    time_ms: int
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a replica uses now, with every process of its group. `state` is that of the first of them.

    `cpu_seconds` only grows, also when a helper ends; `spent` is what each process had used at the last look, by pid
    and start; `cores` is how many were busy with it in the last second or two.
    """

    state: str = "?"
    cpu_seconds: float = 0.0
    cores: float = 0.0
    resident_bytes: int = 0
    threads: int = 0
    open_files: int = 0
    spent: Mapping[tuple[int, int], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answering:
    """What the health checks found. `failures` counts those in a row; `ever` says that it answered since its start."""

    failures: int = 0
    ever: bool = False
    checked_ms: int = 0
    reason: str = ""


#: Failures of a health check that mean nobody is at work; any other means that somebody answered, and badly.
REFUSED, TIMED_OUT = "the connection was refused", "no answer in time"
UNANSWERED = frozenset({REFUSED, TIMED_OUT})


class Condition(StrEnum):
    """How a replica is doing."""

    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"  # alive, and does not answer
    GONE = "gone"  # should run, and does not
    STOPPED = "stopped"  # should not run


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica of a service. `exits_ms` are the latest ends that nobody wanted, `exits` the number of all of them.

    `waiting` says that its turn to be started with the platform has not come yet; `moving` that a stop or a start is
    in work, so that its end is no crash; `launching` that the start number `starts` was announced and its process not
    yet recorded.
    """

    service: str
    number: int
    wanted: bool = True
    moving: bool = False
    launching: bool = False
    waiting: bool = False
    identity: Identity | None = None
    started_ms: int = 0
    release: str = ""
    last_exit: Exit | None = None
    exits_ms: tuple[int, ...] = ()
    exits: int = 0
    starts: int = 0
    answering: Answering = Answering()
    usage: Usage = field(default_factory=Usage)

    @property
    def name(self) -> str:
        return f"{self.service}/{self.number}"
