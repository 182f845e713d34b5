"""Findings: one unusual thing about one entity. Below them everything is columns, above them values like these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from steersman.model.entities import CauseKind, Entity
from steersman.model.ids import DEFAULT_TENANT, Tenant

Severity = Literal["info", "warning", "critical"]


class Aspect(StrEnum):
    """What of an entity a signal is about. It is read from names and units once, and the engine reasons over it."""

    AVAILABILITY = "availability"  # does it answer at all
    ERRORS = "errors"  # the share of work that fails
    LATENCY = "latency"  # how long work takes
    TRAFFIC = "traffic"  # how much work is asked for
    PROGRESS = "progress"  # how much work is finished; heartbeats
    QUEUE = "queue"  # work that waits
    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    DESCRIPTORS = "descriptors"
    THREADS = "threads"
    POOL = "pool"  # connections of a bounded pool that are in use or waited for
    LOCK = "lock"  # time spent waiting for locks
    CACHE = "cache"  # the share of reads that a cache answers
    NETWORK = "network"
    CLOCK = "clock"
    CERTIFICATE = "certificate"  # time until it expires
    CONFIGURATION = "configuration"
    RESTARTS = "restarts"
    LOG_VOLUME = "log_volume"
    LOG_PATTERN = "log_pattern"
    INTEGRITY = "integrity"  # an invariant that does not hold
    SOURCE = "source"  # whether telemetry arrives
    ACCESS = "access"  # who comes in and how
    OTHER = "other"


class Direction(StrEnum):
    """How a signal left what is usual."""

    HIGH = "high"
    LOW = "low"
    STUCK = "stuck"
    GONE = "gone"
    NEW = "new"


class FindingSource(StrEnum):
    """Who noticed."""

    DETECTOR = "detector"
    THRESHOLD = "threshold"
    RULE = "rule"
    ALERT = "alert"
    LOG = "log"
    SPAN = "span"
    FORECAST = "forecast"
    INVARIANT = "invariant"
    HEALTH = "health"
    THREAT = "threat"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One unusual thing about one entity, from when it began until `ended_ms`.

    `key` is the same each time the same thing is found, so a finding that is reported again is an update. `score` is
    the distance from what is usual in robust standard deviations; sources that only say yes or no give 10. `peer` is
    the other end when the thing is about a call. `suggests` are the causes that the signal's author had in mind.
    """

    key: str
    entity: Entity
    aspect: Aspect
    direction: Direction
    source: FindingSource
    severity: Severity
    started_ms: int
    seen_ms: int
    reason: str
    score: float = 10.0
    value: float | None = None
    expected: float | None = None
    signal: str = ""
    peer: Entity | None = None
    suggests: frozenset[CauseKind] = frozenset()
    ended_ms: int | None = None
    tenant: Tenant = DEFAULT_TENANT

    @property
    def active(self) -> bool:
        """Whether it is still so."""
        return self.ended_ms is None
