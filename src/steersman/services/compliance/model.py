"""Requirements, what is known about each, and the report that is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel


class Standard(StrEnum):
    ASVS = "asvs"
    SOC2 = "soc2"
    GDPR = "gdpr"


class State(StrEnum):
    """How a requirement stands; the order is the one in which reports count."""

    TESTS = "tests"
    LIVE = "live"
    FAILING = "failing"
    DEVIATION = "deviation"
    PROCESS = "process"
    NOT_APPLICABLE = "not_applicable"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement. `level` is that of ASVS, 0 where a standard has none."""

    id: str
    standard: Standard
    chapter: str
    level: int
    summary: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All requirements in their order, and what was declared about some."""

    requirements: tuple[Requirement, ...]
    not_applicable: dict[str, str] = field(default_factory=dict)
    process: dict[str, str] = field(default_factory=dict)
    deviations: dict[str, str] = field(default_factory=dict)


class Looked(BaseModel):
    """What one look at the running platform found; `holds` is None where it could not be seen."""

    name: str
    requirements: list[str]
    holds: bool | None
    words: str


class Finding(BaseModel):
    """How one requirement stands, and what shows it."""

    id: str
    standard: Standard
    chapter: str
    level: int
    summary: str
    state: State
    tests: list[str]
    checks: list[str]
    note: str


class Processing(BaseModel):
    """One line of the record of processing activities (GDPR, article 30), as a service declares it."""

    service: str
    what: str
    purpose: str
    basis: str
    kept: str


class Report(BaseModel):
    """The whole report. `seen` tells whether a running platform was looked at."""

    seen: bool
    counts: dict[str, dict[str, int]]
    findings: list[Finding]
    looked: list[Looked]
    deviations: dict[str, str]
    processing: list[Processing]


@dataclass(frozen=True, slots=True)
class Observed:
    """One HTTP answer; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a running platform. An empty mapping is what could not be looked at."""

    figures: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Observed] = field(default_factory=dict)
    broken: dict[str, str | None] = field(default_factory=dict)
    outdated: tuple[str, ...] = ()
