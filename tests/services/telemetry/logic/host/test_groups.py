"""Groups of processes: bounded, and with counters that never fall."""

from __future__ import annotations

import random
from typing import Any

from steersman.services.telemetry.logic.host.groups import OTHER, Groups, Member


def member(pid: int, group: str, cpu: float, memory: float = 1.0, started: float = 1.0, **rest: Any) -> Member:
    values = {"open_fds": 1, "read_bytes": cpu, "written_bytes": cpu} | rest
    return Member((pid, started), group, cpu, memory, 1, started, **values)


def by_group(readings: list[Any], field: str) -> dict[str, float]:
    return {pairs[0][1]: value for name, pairs, value in readings if name == f"steersman_process_{field}"}


def test_counter_stays_when_a_member_ends() -> None:
    """The processor time of an ended worker was still used."""
    groups = Groups("process", "group", 5)
    groups.fold([member(1, "web", 10.0), member(2, "web", 5.0)])
    assert by_group(groups.fold([member(2, "web", 6.0)]), "cpu_seconds_total") == {"web": 16.0}


def test_reused_pid_is_another_process() -> None:
    """A pid alone does not name a process; its start does."""
    groups = Groups("process", "group", 5)
    groups.fold([member(1, "web", 10.0)])
    assert by_group(groups.fold([member(1, "web", 2.0, started=9.0)]), "cpu_seconds_total") == {"web": 12.0}


def test_group_that_returns_goes_on_where_it_was() -> None:
    """A job that runs every minute is one series with one rising counter."""
    groups = Groups("process", "group", 5)
    groups.fold([member(1, "job", 10.0)])
    groups.fold([])
    assert by_group(groups.fold([member(2, "job", 3.0)]), "cpu_seconds_total") == {"job": 13.0}


def test_all_but_the_largest_are_one_group() -> None:
    """The number of series is bounded by the number of places."""
    groups = Groups("process", "group", 2)
    counts = by_group(groups.fold([member(pid, f"g{pid}", float(pid)) for pid in range(1, 9)]), "count")
    assert counts == {"g7": 1, "g8": 1, OTHER: 6}


def test_unreadable_figures_are_absent_instead_of_zero() -> None:
    """Without the right to look there is nothing to say."""
    readings = Groups("process", "group", 2).fold(
        [member(1, "x", 1.0, open_fds=None, read_bytes=None, written_bytes=None)]
    )
    assert {name.removeprefix("steersman_process_") for name, _, _ in readings} == {
        "cpu_seconds_total",
        "resident_memory_bytes",
        "threads",
        "count",
        "oldest_start_time_seconds",
    }


def test_counters_never_fall_and_lose_nothing_under_churn() -> None:
    """Whatever starts, ends, grows and changes sides: no counter falls, and the growth adds up."""
    chance = random.Random(7)
    groups = Groups("process", "group", 3)
    alive: dict[int, tuple[str, float]] = {}
    before: dict[str, float] = {}
    used = 0.0
    for step in range(300):
        for pid in list(alive):
            grown = chance.random() * 5
            used += grown
            alive[pid] = (alive[pid][0], alive[pid][1] + grown)
            if chance.random() < 0.2:
                used -= grown  # it ended without another look
                del alive[pid]
        alive[1000 + step] = (f"g{chance.randrange(6)}", 0.0)
        now = by_group(groups.fold([member(p, g, c) for p, (g, c) in alive.items()]), "cpu_seconds_total")
        assert all(now[name] >= before.get(name, 0.0) for name in now)
        before |= now
    assert abs(sum(before.values()) - used) < 1e-6
