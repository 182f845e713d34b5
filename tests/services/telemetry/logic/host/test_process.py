"""What /proc/PID says."""

from __future__ import annotations

import pytest

from steersman.services.telemetry.logic.host.process import parse_io, parse_stat

STAT = "9009 (tmux: (a) b) S 9004 9004 5887 0 -1 4194304 99 0 0 0 150 50 0 0 20 0 3 0 132660 3133440 384 18446744073709551615"


def test_command_may_hold_spaces_and_parentheses() -> None:
    """Only the last parenthesis ends it."""
    stat = parse_stat(STAT)
    assert stat is not None
    assert (stat.pid, stat.command, stat.state, stat.cpu_seconds) == (9009, "tmux: (a) b", "S", 2.0)
    assert (stat.threads, stat.started, stat.resident_pages, stat.of_kernel) == (3, 1326.6, 384, False)


def test_kernel_threads_are_told_by_their_flag() -> None:
    """2129984 is what kthreadd has."""
    stat = parse_stat(STAT.replace("4194304", "2129984"))
    assert stat is not None
    assert stat.of_kernel


@pytest.mark.parametrize("cut", [0, 4, 10, 30])
def test_process_that_ended_meanwhile_is_none(cut: int) -> None:
    """Its file is empty or cut off."""
    assert parse_stat(STAT[:cut]) is None


def test_storage_bytes_are_those_that_reached_the_disk() -> None:
    """`rchar` and `wchar` also count what never left memory."""
    assert parse_io("rchar: 9\nwchar: 9\nread_bytes: 4096\nwrite_bytes: 512\ncancelled_write_bytes: 0\n") == (4096, 512)
