"""The real clock: the only place that may ask the operating system for the time."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Wall time may jump when the machine's clock is set; `monotonic` never goes back."""

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970 in UTC."""
        return time.time_ns()  # noqa: TID251 - the one adapter

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, for measuring spans of time only."""
        return time.monotonic()  # noqa: TID251 - the one adapter

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for so many seconds; a past deadline yields once."""
        await asyncio.sleep(max(0.0, seconds))
