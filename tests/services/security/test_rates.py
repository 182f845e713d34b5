"""How often one caller may ask, counted by all processes together."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.contract.fakes import FakeClock
from steersman.model.errors import Temporary
from steersman.runtime.http.problems import describe
from steersman.runtime.http.rates import Lease, OverLimit, Rates
from steersman.services.security.logic.rates import granted

CHILD = """
import sys
from pathlib import Path
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.services.security.store.rates import SharedRates
shared = SharedRates(SqlDatabase(open_engine(None, Path(sys.argv[1]))), SystemClock())
print(sum(shared.lease("k", 100, 5).granted for _ in range(40)))
"""


def served(rates: Rates, times: int, limit: int = 100) -> int:
    async def all_of_them() -> int:
        count = 0
        for _ in range(times):
            try:
                await rates.spend("k", limit)
            except OverLimit:
                continue
            count += 1
        return count

    return asyncio.run(all_of_them())


def test_two_processes_grant_together_what_one_may(fort: Any) -> None:
    """Each hands out its leases; the sum is the limit, and a minute later it is there again."""
    one, two = (Rates(fort.clock, process.defence.rates.lease) for process in (fort, fort.again()))
    assert served(one, 70) + served(two, 70) == 100
    fort.clock.tick(60)
    assert served(two, 150) == 100


@pytest.mark.slow
def test_real_processes_at_the_same_time_grant_no_more_than_the_limit(fort: Any, tmp_path: Path) -> None:
    """Two interpreters on one database, racing for the same key; seconds of real time add a request each 0.6."""
    command = [sys.executable, "-c", CHILD, str(tmp_path / "database")]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    total = sum(int(child.communicate(timeout=60)[0]) for child in children)
    assert 100 <= total <= 130


def test_the_database_is_asked_once_for_a_batch_and_not_for_a_flood(fort: Any) -> None:
    """5 requests a lease at 100 a minute; whoever was refused is refused from memory."""
    asked: list[str] = []

    def counting(key: str, limit: int, wanted: int) -> Lease:
        asked.append(key)
        return Lease(wanted) if len(asked) <= 20 else Lease(0, 5.0)

    rates = Rates(fort.clock, counting)
    assert served(rates, 5_000) == 100
    assert len(asked) == 21


def test_nobody_is_refused_while_the_database_is_away(fort: Any) -> None:
    """A limit is no reason to be down."""

    def away(_key: str, _limit: int, _wanted: int) -> Lease:
        raise Temporary("the database is away")

    assert served(Rates(fort.clock, away), 300) == 300


@pytest.mark.requirement("ASVS-2.4.1")
def test_who_is_over_the_limit_is_told_when_to_come_back() -> None:
    """429 with Retry-After and the RateLimit fields."""
    answer = describe(OverLimit(600, retry_after=2.2))
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert answer.headers["ratelimit-policy"] == '"requests";q=600;w=60'


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 50)), max_size=60))
def test_no_order_of_asking_gets_more_than_the_limit_in_any_minute(limit: int, asks: list[tuple[int, int]]) -> None:
    """At most a minute's allowance at once, and after that no faster than the rate."""
    used, now, total = 0.0, 1_000_000.0, 0
    for pause, wanted in asks:
        now += pause
        used, count, wait = granted(used, now, limit, wanted)
        total += count
        assert count or wait > 0
    assert total <= limit + (now - 1_000_000) / 60_000 * limit + 1


def test_a_limit_of_none_asks_nobody() -> None:
    """Neither does an application without a defence."""
    assert served(Rates(FakeClock()), 10) == 10
