"""What the live page shows: rates of this machine, a short ring of them, and the rows of its tables.

Two looks at the kernel's counters make one `Reading`. The ring exists so that a page opens with history and a
browser that was cut off catches up; it is a view for people and never a source for detectors, rules or queries.
Reads nothing itself and asks no clock: a job feeds it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import dropwhile, pairwise
from typing import Protocol

#: How far back the ring reaches: long enough to see what led to a surprise, short enough to send with the page.
RING_SECONDS = 600
#: How soon the first reading follows the start, how often the machine is read while somebody watches, and how often
#: otherwise (the idle budget is 3 % of a core).
FIRST_SECONDS = 1
WATCHED_SECONDS = 2
IDLE_SECONDS = 5
#: A source is stale when it has missed this many of its own intervals, as Prometheus's five minutes for one-minute
#: scrapes; a source that pushes states no interval and gets `PUSH_STALE_SECONDS`.
MISSED_INTERVALS = 3
PUSH_STALE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Seconds that one core has spent in each group of modes since boot; `other` is interrupts and steal."""

    user: float
    system: float
    iowait: float
    other: float
    idle: float

    @property
    def total(self) -> float:
        return self.user + self.system + self.iowait + self.other + self.idle


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One mounted file system, in bytes; `used + available` is less than `total` where blocks are reserved."""

    mount: str
    total: int
    used: int
    available: int

    @property
    def fill(self) -> float:
        """The share that is used, as df computes it, 0 to 1."""
        usable = self.used + self.available
        return self.used / usable if usable else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """One look at the machine. The byte counters only grow, until the machine restarts."""

    time_ms: int
    cores: tuple[CpuTimes, ...]
    memory_total: int
    memory_used: int
    memory_cached: int
    memory_available: int
    disk_read: int
    disk_written: int
    net_received: int
    net_sent: int
    load: tuple[float, float, float] = (0.0, 0.0, 0.0)
    filesystems: tuple[FileSystem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the machine did between two looks: CPU in percent of all cores, memory in bytes, rates in bytes/s."""

    time_ms: int
    user: float
    system: float
    iowait: float
    other: float
    cores: tuple[float, ...]
    memory_total: int
    memory_used: int
    memory_cached: int
    memory_available: int
    read: float
    write: float
    receive: float
    send: float
    load: tuple[float, float, float]

    @property
    def busy(self) -> float:
        """Percent of all cores that did not idle; waiting for a disk counts as idle, as the kernel has it."""
        return self.user + self.system + self.other


#: The columns that travel to the page, with what their values are divided by and the decimals kept: a page opens
#: with 300 readings, and these are enough for three significant digits.
COLUMNS: Mapping[str, tuple[int, int | None]] = {
    "user": (1, 1),
    "system": (1, 1),
    "iowait": (1, 1),
    "other": (1, 1),
    "memory_used": (1 << 20, None),
    "memory_cached": (1 << 20, None),
    "memory_available": (1 << 20, None),
    "read": (1, None),
    "write": (1, None),
    "receive": (1, None),
    "send": (1, None),
}


def _shares(before: Sequence[CpuTimes], after: Sequence[CpuTimes], mode: str) -> float:
    """Percent of the cores' time that went to a mode; counters that ran backwards count as nothing."""
    total = sum(core.total for core in after) - sum(core.total for core in before)
    spent = sum(getattr(core, mode) for core in after) - sum(getattr(core, mode) for core in before)
    return min(max(100.0 * spent / total, 0.0), 100.0) if total > 0 else 0.0


def read_between(before: Counters, after: Counters) -> Reading | None:
    """Return the rates between two looks, or None when no time passed or the set of cores changed."""
    seconds = (after.time_ms - before.time_ms) / 1000
    if seconds <= 0 or len(before.cores) != len(after.cores):
        return None

    def rate(name: str) -> float:
        grown = getattr(after, name) - getattr(before, name)
        return float(max(grown, 0) / seconds)

    return Reading(
        time_ms=after.time_ms,
        user=_shares(before.cores, after.cores, "user"),
        system=_shares(before.cores, after.cores, "system"),
        iowait=_shares(before.cores, after.cores, "iowait"),
        other=_shares(before.cores, after.cores, "other"),
        cores=tuple(
            min(sum(_shares((old,), (new,), mode) for mode in ("user", "system", "other")), 100.0)
            for old, new in zip(before.cores, after.cores, strict=True)
        ),
        memory_total=after.memory_total,
        memory_used=after.memory_used,
        memory_cached=after.memory_cached,
        memory_available=after.memory_available,
        read=rate("disk_read"),
        write=rate("disk_written"),
        receive=rate("net_received"),
        send=rate("net_sent"),
        load=after.load,
    )


def columns(readings: Sequence[Reading]) -> dict[str, list[float]]:
    """Turn readings into the page's columns.

    `t` is the first time in milliseconds UTC and then the steps from one to the next; CPU is in percent, memory in
    MiB, rates in bytes/s.
    """
    times = [reading.time_ms for reading in readings]
    return {"t": [*times[:1], *(later - earlier for earlier, later in pairwise(times))]} | {
        name: [round(getattr(reading, name) / unit, digits) for reading in readings]
        for name, (unit, digits) in COLUMNS.items()
    }


class Feed:
    """The ring of the last readings, and who waits for the next one.

    One event loop writes; a page that is rendered in a thread reads, by copying the ring in one step.
    """

    def __init__(self) -> None:
        self._ring: deque[Reading] = deque()
        self._last_look: Counters | None = None
        self._wakers: set[Callable[[], None]] = set()

    @property
    def latest(self) -> Reading | None:
        return self._ring[-1] if self._ring else None

    @property
    def last_look(self) -> Counters | None:
        return self._last_look

    @property
    def watched(self) -> bool:
        return bool(self._wakers)

    def due(self, now_ms: int) -> bool:
        """Say whether the machine should be read again: often while somebody watches, seldom otherwise."""
        if self._last_look is None or now_ms < self._last_look.time_ms:
            return True
        interval = FIRST_SECONDS if not self._ring else WATCHED_SECONDS if self.watched else IDLE_SECONDS
        return now_ms - self._last_look.time_ms >= interval * 1000

    def look(self, counters: Counters) -> None:
        """Take in one look at the machine and wake everyone who waits."""
        reading = read_between(self._last_look, counters) if self._last_look else None
        self._last_look = counters
        if reading is None:
            return
        self._ring.append(reading)
        while self._ring[0].time_ms < reading.time_ms - RING_SECONDS * 1000:
            self._ring.popleft()
        for wake in tuple(self._wakers):
            wake()

    def recall(self, looks: Sequence[Counters]) -> None:
        """Put what is known from before the start in front of the ring."""
        first_ms = self._ring[0].time_ms if self._ring else None
        readings = (read_between(before, after) for before, after in pairwise(looks))
        older = [reading for reading in readings if reading and (first_ms is None or reading.time_ms < first_ms)]
        self._ring.extendleft(reversed(older))

    def since(self, time_ms: int) -> list[Reading]:
        """Return the readings after a time, oldest first."""
        return list(dropwhile(lambda reading: reading.time_ms <= time_ms, self._ring.copy()))

    @contextmanager
    def watching(self, wake: Callable[[], None]) -> Iterator[None]:
        """Count as a watcher, and have `wake` called after every new reading."""
        self._wakers.add(wake)
        try:
            yield
        finally:
            self._wakers.discard(wake)


#: The platform's own senses, which are there before anybody connected anything.
BUILT_IN_KINDS = frozenset({"host", "processes"})


class SourceState(StrEnum):
    """What a person should think of a source at a glance."""

    FRESH = "fresh"
    STALE = "stale"
    FAILING = "failing"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One sender or target. `last_ms` is None before its first sample; a pushing source has no interval."""

    kind: str
    name: str
    samples: int
    last_ms: int | None = None
    interval_seconds: float | None = None
    error: str = ""

    def state(self, now_ms: int) -> SourceState:
        if self.error:
            return SourceState.FAILING
        if self.last_ms is None:
            return SourceState.WAITING
        patience = self.interval_seconds * MISSED_INTERVALS if self.interval_seconds else PUSH_STALE_SECONDS
        return SourceState.STALE if now_ms - self.last_ms > patience * 1000 else SourceState.FRESH


class StoreFigures(Protocol):
    """What the page needs of the store's statistics."""

    @property
    def series(self) -> int: ...
    @property
    def samples_total(self) -> int: ...
    @property
    def samples_per_second(self) -> float: ...
    @property
    def wal_bytes(self) -> int: ...
    @property
    def head_bytes(self) -> int: ...
    @property
    def blocks(self) -> int: ...
    @property
    def disk_bytes(self) -> int: ...
    @property
    def log_lines_total(self) -> int: ...
    @property
    def spans_total(self) -> int: ...
    @property
    def oldest_ns(self) -> int | None: ...
    @property
    def ready(self) -> bool: ...
    @property
    def replay_progress(self) -> float: ...
    @property
    def last_checkpoint_age_seconds(self) -> float | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What does not change while the machine runs."""

    name: str
    system: str
    boot_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """Everything behind the page: the feed, and how to ask for the tables' rows when somebody looks."""

    host: HostFacts
    sources: Callable[[], Sequence[SourceRow]]
    store: Callable[[], StoreFigures]
    feed: Feed = field(default_factory=Feed)


class HasLive(Protocol):
    """The service's state, as far as the page is concerned."""

    @property
    def live(self) -> Live: ...


#: The figures in the order of the page, with the format that each is shown in.
STORE_FIGURES: Mapping[str, str] = {
    "samples_per_second": "per_second",
    "series": "count",
    "samples_total": "count",
    "log_lines_total": "count",
    "spans_total": "count",
    "disk_bytes": "bytes",
    "wal_bytes": "bytes",
    "head_bytes": "bytes",
    "blocks": "count",
    "last_checkpoint_age_seconds": "age",
}
