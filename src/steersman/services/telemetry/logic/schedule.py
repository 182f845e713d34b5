"""When a target is scraped: on a grid of its own, spread over the interval, whatever the clock does."""

from __future__ import annotations

from hashlib import blake2b

#: A scrape this near to its grid point gets the grid point's time: equal distances cost the store no space.
_NEAR_SECONDS = 0.05
_NEAR_SHARE = 0.01


def offset_seconds(identity: str, interval: float) -> float:
    """Return a target's place in the interval, in whole milliseconds; the same after a restart."""
    digest = blake2b(identity.encode(), digest_size=8).digest()
    return int(int.from_bytes(digest) / 2**64 * interval * 1000) / 1000


def delay(wall: float, since_last: float, interval: float, offset: float) -> float:
    """Return the seconds until the next grid point.

    `wall` is the time now and `since_last` how long ago the last scrape began. Computed anew each time, so that a
    clock that was set moves the grid once. A point too near to the last scrape (an early wake, or a clock that was set
    back) is left out.
    """
    remaining = (offset - wall) % interval
    if since_last + remaining < interval / 2:
        remaining += interval
    return remaining


def aligned(wall: float, interval: float, offset: float) -> float:
    """Return the grid point next to `wall` when it is near enough to pass for the time of the scrape, else `wall`."""
    point = round((wall - offset) / interval) * interval + offset
    return point if abs(wall - point) <= min(_NEAR_SECONDS, interval * _NEAR_SHARE) else wall
