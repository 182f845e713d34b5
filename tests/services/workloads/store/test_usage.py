"""What a replica uses is what all of its processes use, and it never shrinks because a helper ended."""

from __future__ import annotations

import pytest

from steersman.services.workloads.model.replicas import Usage
from steersman.services.workloads.store.proc import Look, used


def look(pid: int, cpu: float, *, start: int = 1, memory: int = 10) -> Look:
    return Look(pid, "S", 7, 7, start, cpu, 1, memory)


def test_helpers_count_and_stay_counted_when_they_end() -> None:
    first, helper = look(7, 1.0), look(8, 4.0)
    one = used(Usage(), first, [first], 0.5)
    two = used(one, first, [first, helper], 0.5)
    three = used(two, first, [first], 0.5)
    assert [one.cpu_seconds, two.cpu_seconds, three.cpu_seconds] == [1.0, 5.0, 5.0]
    assert [one.resident_bytes, two.resident_bytes, three.resident_bytes] == [10, 20, 10]


def test_another_process_with_the_same_pid_is_counted_from_nought() -> None:
    first = look(7, 0.0)
    before = used(Usage(), first, [first, look(8, 4.0)], 0.5)
    assert used(before, first, [first, look(8, 1.0, start=2)], 0.5).cpu_seconds == 5.0


def test_a_burst_is_no_load_and_a_load_is_seen_within_seconds() -> None:
    """Two cores for half a second are not two cores; two for three seconds nearly are."""
    first = look(7, 0.0)
    usage = used(Usage(), first, [first], 0.5)
    seen = []
    for turn in range(1, 7):
        now = look(7, turn * 1.0)
        usage = used(usage, now, [now], 0.5)
        seen.append(usage.cores)
    assert seen[0] < 1.0
    assert seen[-1] == pytest.approx(2.0, rel=0.06)
