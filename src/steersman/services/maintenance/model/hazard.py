"""Components and what speaks for their failure, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from steersman.model.entities import Entity


class Part(StrEnum):
    """What a component is; each kind has its own base rate and its own advice."""

    DISK = "disk"
    MEMORY = "memory"
    HOST = "host"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, order=True)
class ComponentKey:
    """A part of a machine, or a service, where `where` is its name and `name` its replica."""

    part: Part
    where: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """How much more likely a failure is under a sign: `odds` is the ratio, `source` says who found it."""

    name: str
    part: Part
    odds: float
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A rule that holds for a component, in words a person can check; `reference` is where to look."""

    rule: Rule
    text: str
    reference: str
    seen_ms: int


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a process was seen to start anew in so many days of watching."""

    count: int
    days: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The probability of a failure within 1, 7 and 30 days. `counts` are the log-odds that each sign adds."""

    key: ComponentKey
    entity: Entity
    base: float
    signs: tuple[Sign, ...]
    counts: tuple[float, ...]
    day: float
    week: float
    month: float
    restarts: Restarts | None = None
