"""What of each class of signal is bad: one row of numbers per `Judgement`, which the kernels read.

Two kinds of rule stand side by side. The absolute ones (`hard_*`) hold without any history. The learnt ones ask for a
distance from what is usual in robust deviations (`z`), a factor and an absolute `step` all at once, because a signal
that never moved makes any change look enormous. The numbers are conventions of operation, not fitted to a data set.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields, replace
from math import inf

import numpy as np

from steersman.engine.signals.terms import Judgement

HIGH, LOW = 1, 2
#: Flags: counted events scatter like a Poisson process; a steady rise is bad; silence where events are due is bad; a
#: small lasting shift is worth a note; a value that never moves again is; an absolute rule waits until it was seen for
#: a while, because what has just begun does not answer yet.
POISSON, TREND, SILENCE, SHIFT, FROZEN, KNOWN = 1, 2, 4, 8, 16, 32
_INFO, _WARNING = 0, 1
_MB = 1024.0 * 1024.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """One class of signals. Times are milliseconds; `events` is how much work has to speak for a value."""

    directions: int = HIGH
    z: float = 6.0
    factor: float = 1.5
    step: float = 0.0
    floor: float = 0.0  # the least spread that is believed
    hard_high: float = inf
    hard_low: float = -inf
    critical_high: float = inf
    critical_low: float = -inf
    severity: int = _INFO  # of what is only unusual
    hard_severity: int = _WARNING
    critical_factor: float = inf  # how many times the usual value is critical
    critical_step: float = 0.0
    persist: float = 3_000.0
    samples: int = 3
    until: float = 4_000.0  # how long it has to be good until a finding ends
    ease: float = 0.6  # how much of every threshold still counts as bad while a finding is open
    events: float = 0.0
    events_of: int = 0  # 0 nothing, 1 the numerator, 2 the denominator
    flags: int = 0
    rise: float = inf  # the least steady rise that is a trend
    limit: float = inf  # where it cannot go further


def _share(warning: float, critical: float) -> Bounds:
    return Bounds(
        z=8.0, factor=1.5, step=0.25, floor=0.01, hard_high=warning, critical_high=critical, severity=_INFO,
        persist=4_000.0, ease=0.9, flags=TREND, rise=0.05, limit=1.0,
    )  # fmt: skip


BOUNDS = {
    Judgement.PLAIN: Bounds(
        directions=HIGH | LOW, z=10.0, factor=1.5, persist=10_000.0, samples=5, until=15_000.0, flags=SHIFT | FROZEN
    ),
    # More than one failure in twenty is felt, whatever is usual; half is an outage.
    Judgement.ERROR_RATIO: Bounds(
        z=5.0,
        factor=3.0,
        step=0.02,
        floor=0.002,
        hard_high=0.05,
        critical_high=0.5,
        severity=_WARNING,
        events=2.0,
        events_of=1,
    ),
    # 50 ms more and three times the usual: less is not felt by a person.
    Judgement.LATENCY: Bounds(
        z=5.0,
        factor=3.0,
        step=0.05,
        floor=0.002,
        severity=_WARNING,
        critical_factor=10.0,
        critical_step=1.0,
        events=1.0,
        events_of=2,
    ),
    Judgement.UP: Bounds(
        hard_low=0.999, critical_low=0.0, persist=0.0, samples=1, until=2_000.0, ease=1.0, flags=KNOWN
    ),
    Judgement.REPLICA_UP: Bounds(
        hard_low=0.999, hard_severity=_INFO, persist=0.0, samples=1, until=2_000.0, ease=1.0, flags=KNOWN
    ),
    Judgement.TRAFFIC: Bounds(
        directions=HIGH | LOW, z=5.0, factor=1.5, step=2.0, persist=4_000.0, flags=POISSON | SILENCE
    ),
    Judgement.PROGRESS: Bounds(
        directions=LOW, z=5.0, factor=2.5, step=0.5, severity=_WARNING, persist=5_000.0, flags=POISSON | SILENCE
    ),
    Judgement.QUEUE_LENGTH: Bounds(z=6.0, factor=3.0, step=20.0, floor=2.0, severity=_WARNING, persist=4_000.0),
    Judgement.QUEUE_AGE: Bounds(z=6.0, factor=3.0, step=5.0, floor=0.5, severity=_WARNING, persist=3_000.0),
    Judgement.IN_FLIGHT: Bounds(z=6.0, factor=3.0, step=10.0, floor=1.0, persist=3_000.0),
    # `senses` makes a warning of it where the work that is asked for does not explain it.
    Judgement.CPU: Bounds(z=6.0, factor=1.8, step=0.2, floor=0.02, persist=4_000.0),
    Judgement.HOST_CPU: Bounds(
        z=6.0, factor=1.5, step=0.3, floor=0.02, hard_high=0.95, hard_severity=_INFO, persist=5_000.0
    ),
    Judgement.MEMORY: Bounds(
        z=8.0,
        factor=1.5,
        step=40.0 * _MB,
        floor=2.0 * _MB,
        severity=_WARNING,
        persist=4_000.0,
        flags=TREND,
        rise=12.0 * _MB,
    ),
    Judgement.MEMORY_SHARE: _share(0.95, 0.99),
    Judgement.SHARE: replace(_share(0.95, inf), hard_severity=_INFO),
    Judgement.DESCRIPTORS: _share(0.85, 0.97),
    Judgement.POOL_SHARE: replace(_share(0.97, inf), flags=0),
    Judgement.WAITERS: Bounds(z=6.0, factor=3.0, step=4.0, floor=0.5, severity=_WARNING, persist=3_000.0),
    # A disk fills faster than a person can look, and its fill level does not scatter.
    Judgement.DISK_SHARE: replace(_share(0.9, 0.98), persist=2_000.0, samples=2),
    Judgement.LOCK: Bounds(z=6.0, factor=3.0, step=0.3, floor=0.02, severity=_WARNING),
    Judgement.CACHE: Bounds(
        directions=LOW, z=6.0, factor=1.3, step=0.2, floor=0.02, severity=_WARNING, events=5.0, events_of=2
    ),
    Judgement.LOG_LINES: Bounds(z=6.0, factor=5.0, step=50.0, floor=1.0, severity=_WARNING, flags=POISSON),
    Judgement.ERROR_LINES: Bounds(z=6.0, factor=5.0, step=2.0, floor=0.2, severity=_WARNING, flags=POISSON),
    # A week is what most renewals by hand need.
    Judgement.CERTIFICATE: Bounds(
        hard_low=7 * _DAY, critical_low=0.0, directions=0, persist=0.0, samples=1, until=1_000.0, ease=1.0
    ),
    # A scrape takes up to a second or two between the reading of the clock and its time stamp.
    Judgement.WALL_CLOCK: Bounds(hard_high=3.0, critical_high=60.0, directions=0, persist=1_000.0, samples=2),
    Judgement.CLOCK_OFFSET: Bounds(hard_high=0.1, critical_high=1.0, directions=0, persist=5_000.0, samples=2),
    # One restart is a note; three of them not more than 12 s apart are a crash loop.
    Judgement.RESTARTS: Bounds(
        hard_high=0.9, hard_severity=_INFO, critical_high=1.9, directions=0, persist=0.0, samples=1, until=0.0, ease=0.7
    ),
    Judgement.THREADS: Bounds(z=8.0, factor=2.0, step=30.0, floor=1.0, persist=5_000.0),
    Judgement.FAILURES: Bounds(z=6.0, factor=4.0, step=0.5, floor=0.1, flags=POISSON),
    Judgement.REPLICA: Bounds(directions=0),
}

_TYPES = {
    "directions": "i8",
    "severity": "i8",
    "hard_severity": "i8",
    "samples": "i8",
    "events_of": "i8",
    "flags": "i8",
}
BOUNDS_TYPE = np.dtype([(one.name, _TYPES.get(one.name, "f8")) for one in fields(Bounds)])


def table() -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return the bounds as records, indexed by judgement."""
    rows = np.zeros(max(Judgement) + 1, BOUNDS_TYPE)
    for judgement, bounds in BOUNDS.items():
        rows[judgement] = astuple(bounds)
    return rows
