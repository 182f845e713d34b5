"""Failed sign-ins are counted by all processes of one database together, and no attempt waits for that."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.runtime.database.conftest import postgres_server as postgres_server  # noqa: PLC0414 - used here as well
from tests.runtime.database.conftest import postgres_url as postgres_url  # noqa: PLC0414 - likewise

from steersman.contract.fakes import FakeClock
from steersman.model.errors import Temporary
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.identity.failures import Change, Failures
from steersman.runtime.identity.throttle import Throttle
from steersman.services.security.logic.rates import faded
from steersman.services.security.store import tables
from steersman.services.security.store.rates import SharedRates

CHILD = """
import asyncio, json, sys
from pathlib import Path
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.identity.failures import Failures
from steersman.services.security.store.rates import SharedRates
url, folder = sys.argv[1] or None, Path(sys.argv[2])
shared, failures = SharedRates(SqlDatabase(open_engine(url, folder)), SystemClock()), Failures(SystemClock(), b"k" * 32)
for number in range(20):
    failures.add("account:ines")
    failures.add(f"address:{number % 3}")
    asyncio.run(failures.exchanged(shared.failed))
print(json.dumps(failures.now("account:ines")))
"""


def exchange(failures: Failures, with_: Any) -> None:
    asyncio.run(failures.exchanged(with_))


@pytest.mark.requirement("ASVS-6.3.1", "ASVS-2.4.1")
def test_guesses_that_are_spread_over_two_processes_count_to_one_limit(fort: Any) -> None:
    """Three failures in each cost nothing alone; together the seventh attempt waits, in either."""
    two = [Failures(fort.clock, b"key"), Failures(fort.clock, b"key")]
    throttles = [Throttle(one) for one in two]
    for number in range(6):
        throttles[number % 2].failed("ines", f"198.51.100.{number}")
    assert [one.seconds("ines", "192.0.2.9", known=False) for one in throttles] == [0.0, 0.0]
    for one in (*two, two[0]):
        one.add("account:ines")
        exchange(one, fort.defence.rates.failed)
    assert all(one.seconds("ines", "192.0.2.9", known=False) > 0 for one in throttles)
    assert all(one.seconds("ines", "192.0.2.9", known=True) == 0 for one in throttles)


def test_a_hundred_failures_of_a_second_are_one_transaction(fort: Any) -> None:
    asked: list[Mapping[str, Change]] = []

    def counting(changes: Mapping[str, Change]) -> Mapping[str, float]:
        asked.append(changes)
        return fort.defence.rates.failed(changes)

    failures = Failures(fort.clock, b"key")
    for _ in range(100):
        failures.add("account:ines")
    exchange(failures, counting)
    assert [list(one.values()) for one in asked] == [[Change(added=100)]]
    assert failures.now("account:ines") == 50


def test_no_name_stands_in_the_database(fort: Any) -> None:
    """People type their password into the field for the name."""
    failures = Failures(fort.clock, b"key")
    failures.add("account:a green kettle sings")
    exchange(failures, fort.defence.rates.failed)
    with fort.defence.ports.database.reading() as connection:
        (key,) = connection.exec_driver_sql("SELECT key FROM security_rates").scalars()
    assert "kettle" not in key
    assert key.startswith("failed:")


def test_a_right_password_clears_the_account_for_all_of_them(fort: Any) -> None:
    """And what failed in the other process meanwhile counts from then on."""
    one, two = Failures(fort.clock, b"key"), Failures(fort.clock, b"key")
    for failures in (one, two):
        for _ in range(10):
            failures.add("a")
        exchange(failures, fort.defence.rates.failed)
    one.clear("a")
    exchange(one, fort.defence.rates.failed)
    two.add("a")
    exchange(two, fort.defence.rates.failed)
    assert (one.now("a"), two.now("a")) == (0, 1)


def test_what_the_store_was_not_told_while_it_was_away_is_told_later(fort: Any) -> None:
    """A clear in between stands; each process counts for itself until then."""

    def away(_changes: Mapping[str, Change]) -> Mapping[str, float]:
        failures.add("a")
        failures.add("b")
        failures.clear("b")
        raise Temporary("the database is away")

    failures = Failures(fort.clock, b"key")
    failures.add("a")
    failures.add("b")
    exchange(failures, away)
    assert (failures.now("a"), failures.now("b")) == (2, 0)
    told: list[Mapping[str, Change]] = []
    exchange(failures, lambda changes: told.append(changes) or fort.defence.rates.failed(changes))
    assert list(told[0].values()) == [Change(added=2), Change(cleared=True)]


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 60)), max_size=40))
def test_the_number_of_the_store_counts_as_memory_does(steps: list[tuple[int, int]]) -> None:
    """Differential: one process alone, and the same failures through the store."""
    clock, used = FakeClock(), 0.0
    own = Failures(clock, b"key")
    for pause_ms, added in steps:
        clock.tick(pause_ms / 1000)
        for _ in range(added):
            own.add("a")
        now_ms = clock.wall_ns() / 1e6
        used, count = faded(used, now_ms, added=added, each_ms=60_000, most=50)
        assert count == pytest.approx(own.now("a"), abs=1e-3)


@pytest.mark.slow
@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_real_processes_lose_no_failure_and_never_stand_in_each_others_way(
    where: str, tmp_path: Path, postgres_url: str
) -> None:
    """Two interpreters, each with twenty exchanges of the same keys at the same time."""
    url = postgres_url if where == "postgresql" else ""
    database = SqlDatabase(open_engine(url or None, tmp_path))
    tables.prepare(database)
    command = [sys.executable, "-c", CHILD, url, str(tmp_path)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    counts = [json.loads(child.communicate(timeout=60)[0]) for child in children]
    assert 38 < max(counts) <= 40
    shared = Failures(SystemClock(), b"k" * 32)
    shared.add("account:ines")
    exchange(shared, SharedRates(database, SystemClock()).failed)
    assert 39 < shared.now("account:ines") <= 41
    database.close()
