"""Real sockets of real processes, read from the kernel's own tables."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from steersman.services.workloads.store.sockets import Socket, calls, owners, sockets

_SERVER = """
import socket, sys
family = socket.AF_INET6 if sys.argv[1] == "both" else socket.AF_INET
server = socket.create_server(("", 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
print(server.getsockname()[1], flush=True)
kept = [server.accept() for _ in range(2)]
"""


@pytest.fixture(params=["ipv4", *(["both"] if socket.has_dualstack_ipv6() else [])])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Yield the pid and the port of a server that keeps what calls it; one of them takes IPv4 on a socket of IPv6."""
    with subprocess.Popen([sys.executable, "-c", _SERVER, request.param], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


def test_who_calls_whom_is_read_off_a_connection(server: tuple[int, int]) -> None:
    """The one whose port is listened on is called, whichever of both ends is looked at."""
    pid, port = server
    with socket.create_connection(("127.0.0.1", port)):
        held = owners({"front": [os.getpid()], "orders": [pid]})
        assert calls(sockets(), held) == {("front", "orders")}
        assert calls(sockets(), owners({"front": [os.getpid()]})) == set()
    assert calls(sockets(), held) == set()


def test_a_process_that_is_gone_holds_nothing() -> None:
    assert owners({"front": [2**22 + 1]}) == {}


def test_a_remote_port_that_is_by_chance_one_of_ours_is_no_call() -> None:
    """Somebody far away listens on 5432 as well; only a connection with both ends here is one between services."""
    listening = Socket("00000000:1538", "00000000:0000", listens=True, inode=1)
    outgoing = Socket("0A00000A:D431", "0B00000A:1538", listens=False, inode=2)
    assert calls([listening, outgoing], {1: "database", 2: "orders"}) == set()
