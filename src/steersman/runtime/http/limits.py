"""What the HTTP port takes at once, and what it counts while doing so.

Kept in the process on purpose: these bound this process's own memory and event loop, and nobody else's.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace

from steersman.contract.service import Buckets
from steersman.model.errors import TooLarge

#: Bounds for the time to answer, in seconds: from a cached read to the longest query.
BOUNDS = (0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)

#: A control request is a small JSON document; only intake takes more.
CONTROL_BODY_BYTES = 1024 * 1024


@dataclass(slots=True)
class Limits:
    """Bounds that may be turned while running. `in_flight` counts requests on the hot paths."""

    body_bytes: int
    in_flight_limit: int = 1024
    in_flight: int = 0

    @property
    def looking(self) -> Limits:
        """What a dry run gets: the bounds as they are now, in a copy that bounds nothing."""
        return replace(self)

    def check_length(self, header: bytes, cap: int) -> None:
        """Refuse a body by its Content-Length alone, before reading any of it."""
        if len(header) > 19 or (header.isdigit() and int(header) > cap):
            raise TooLarge(f"the body is larger than {cap} bytes: send less at a time")


@dataclass(slots=True)
class Timing:
    """The answers of one route: how many by status, and how long they took."""

    statuses: dict[int, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def buckets(self) -> Buckets:
        """Return the times as a histogram with cumulative counts."""
        total, cumulative = 0, []
        for bound, count in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            total += count
            cumulative.append((bound, total))
        return Buckets(tuple(cumulative), self.seconds)


@dataclass(slots=True)
class Traffic:
    """All answers by route template, never by path, so that a scanner cannot grow it."""

    routes: dict[str, Timing] = field(default_factory=dict)

    def count(self, route: str, status: int, seconds: float) -> None:
        timing = self.routes.get(route)
        if timing is None:
            timing = self.routes[route] = Timing()
        timing.statuses[status] = timing.statuses.get(status, 0) + 1
        timing.counts[bisect_left(BOUNDS, seconds)] += 1
        timing.seconds += seconds
