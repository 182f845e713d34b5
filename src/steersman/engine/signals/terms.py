"""The words in which a series is classified: how its values are read, and how series combine into one signal.

The numbers go into arrays that the kernels read and that snapshots hold: never reuse one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from steersman.model.entities import Entity
from steersman.model.findings import Aspect


class Reading(IntEnum):
    """What the values of a series are, and so what one sample adds to a signal."""

    IGNORED = 0
    GAUGE = 1  # the value
    COUNTER = 2  # its rise per second since the sample before; a fall is a restart from zero
    STARTED = 3  # a start time: the number of its changes, fading within a minute
    EXPIRES = 4  # a time in seconds UTC: what is left until then
    WALL = 5  # a clock in seconds UTC: how far it is from the sample's time
    RESTARTS = 6  # a counter of restarts: as STARTED
    INFO = 7  # always one: its labels are the message
    DISTANCE = 8  # the size of the value, whatever its sign


class Role(IntEnum):
    """Where in its signal's formula a series stands."""

    NUMERATOR = 1
    DENOMINATOR = 2
    BOTH = 3


class Formula(IntEnum):
    """How the sums over numerators and denominators become a value."""

    SUM = 0  # numerators
    RATIO = 1  # numerators / denominators
    FREE = 2  # 1 - numerators / denominators: from what is free to what is used
    PART = 3  # numerators / (numerators + denominators)
    MEAN = 4  # numerators / their number


class Across(IntEnum):
    """How the members of different groups (replicas, file systems) combine."""

    POOLED = 0  # the sums run over all of them
    LARGEST = 1  # the formula holds in each group, and the largest value counts
    SMALLEST = 2


class Judgement(IntEnum):
    """The class of a signal in `detect.judgements`: what of it is normal and what is bad."""

    PLAIN = 0
    ERROR_RATIO = 1
    LATENCY = 2
    UP = 3
    TRAFFIC = 4
    PROGRESS = 5
    QUEUE_LENGTH = 6
    QUEUE_AGE = 7
    CPU = 8
    HOST_CPU = 9
    MEMORY = 10
    SHARE = 11
    DESCRIPTORS = 12
    POOL_SHARE = 13
    WAITERS = 14
    DISK_SHARE = 15
    LOCK = 16
    CACHE = 17
    LOG_LINES = 18
    ERROR_LINES = 19
    CERTIFICATE = 20
    WALL_CLOCK = 21
    CLOCK_OFFSET = 22
    RESTARTS = 23
    THREADS = 24
    FAILURES = 25
    REPLICA_UP = 26
    REPLICA = 27
    MEMORY_SHARE = 28
    IN_FLIGHT = 29


@dataclass(frozen=True, slots=True)
class Signal:
    """What is watched: a formula over series. `name` is unique per entity and peer, and fit for a selector."""

    entity: Entity
    aspect: Aspect
    name: str
    judgement: Judgement
    formula: Formula = Formula.SUM
    across: Across = Across.POOLED
    peer: Entity | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Its identity among all signals."""
        return self.entity.ref, self.name, self.peer.ref if self.peer else ""

    @property
    def selector(self) -> str:
        """How a person would ask for it. A plain signal is one series, whose selector is its name already."""
        if self.judgement is Judgement.PLAIN:
            return self.name
        peer = f',peer="{self.peer.id}"' if self.peer else ""
        return f'{self.name}{{{self.entity.kind}="{self.entity.id}"{peer}}}'


@dataclass(frozen=True, slots=True)
class Feed:
    """A series' part in a signal. Members of one group are combined before groups are."""

    signal: Signal
    role: Role
    group: str = ""


@dataclass(frozen=True, slots=True)
class Classified:
    """What is known of a series from its labels alone. `scale` turns its unit into the base unit."""

    reading: Reading
    entity: Entity
    source: str
    feeds: tuple[Feed, ...] = ()
    scale: float = 1.0
    owner: Entity | None = None
    host: Entity | None = None
    peer: Entity | None = None
