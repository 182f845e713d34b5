"""What /proc/PID says, and the names of services in control groups."""

from __future__ import annotations

import pytest

from steersman.services.telemetry.logic.host.process import parse_io, parse_stat, service_of

HEX = "0123456789abcdef" * 4
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


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
        (f"0::/system.slice/docker-{HEX}.scope\n", "docker-0123456789ab"),
        (f"12:memory:/docker/{HEX}\n1:name=systemd:/docker/{HEX}\n", "container-0123456789ab"),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{HEX}.scope\n", "cri-containerd-0123456789ab"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "user-1000.slice"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service\n", "sync.service"),
        ("0::/system.slice/nginx.service/workers\n", "nginx.service"),
        ("9:name=systemd:/system.slice/cron.service\n0::/\n", "cron.service"),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_service_is_the_innermost_unit_or_container(path: str, service: str) -> None:
    """A login session is its user's, because sessions are numbered without end."""
    assert service_of(path) == service
