"""The sampler of the live page, over this machine and a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import os

import pytest

from steersman.services.telemetry.jobs.live import fill, host_facts
from steersman.services.telemetry.logic.live import Feed


class Stopped(Exception):
    """The clock was asked to sleep once too often."""


class TurnedClock:
    """Every sleep takes exactly as long as it says, and no real time."""

    def __init__(self, sleeps: int) -> None:
        self._left = sleeps
        self._now = 1_800_000_000.0

    def wall_ns(self) -> int:
        return int(self._now * 1e9)

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if self._left == 0:
            raise Stopped
        self._left -= 1
        self._now += seconds


def readings_after(seconds: int, feed: Feed) -> int:
    with pytest.raises(Stopped):
        asyncio.run(fill(feed, TurnedClock(seconds)))
    return len(feed.since(0))


def test_the_machine_is_read_every_five_seconds_when_nobody_watches() -> None:
    """A minute makes twelve readings."""
    assert readings_after(60, Feed()) == 12


def test_the_machine_is_read_every_two_seconds_for_a_watcher() -> None:
    """A minute makes thirty readings."""
    feed = Feed()
    with feed.watching(lambda: None):
        assert readings_after(60, feed) == 30


def test_the_page_knows_which_machine_it_shows() -> None:
    """The name and the time of the start, from the kernel."""
    facts = host_facts()
    assert facts.name == os.uname().nodename
    assert facts.boot_ms is not None
