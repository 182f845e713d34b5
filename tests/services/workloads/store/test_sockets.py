"""Real sockets of real processes, read from the kernel's own tables and held against what psutil reads there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import pytest

from steersman.model.entities import Entity, EntityKind
from steersman.services.workloads.logic.calls import calls, connections, local_connections
from steersman.services.workloads.store.holders import Strangers, held, holders
from steersman.services.workloads.store.local_sockets import local_sockets
from steersman.services.workloads.store.sockets import asked_for, parsed, sockets, tables

_SERVER = """
import socket, sys
family = socket.AF_INET6 if sys.argv[1] != "ipv4" else socket.AF_INET
server = socket.create_server(("", 0), family=family, dualstack_ipv6=sys.argv[1] == "both")
print(server.getsockname()[1], flush=True)
kept = []
while True: kept.append(server.accept()); print("taken", flush=True)
"""
_LOCAL_SERVER = """
import socket, sys
server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()
print(0, flush=True)
kept = []
while True: kept.append(server.accept()); print("taken", flush=True)
"""
_PAIR = """
import os, socket, time
server = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    kept = socket.create_connection(server.getsockname()); server.close()
    print(os.getpid(), flush=True)
    time.sleep(600)
kept = server.accept()
time.sleep(600)
"""
FRONT, ORDERS = (Entity(EntityKind.SERVICE, name) for name in ("front", "orders"))
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start programs that end with the test; each gives its process and the first line that it writes."""
    with ExitStack() as stack:

        def begin(program: str, *arguments: str, before: tuple[str, ...] = ()) -> tuple[subprocess.Popen[str], str]:
            command = [*before, sys.executable, "-S", "-E", "-c", program, *arguments]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return process, process.stdout.readline().strip()

        yield begin


def _taken(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    assert server.stdout.readline() == "taken\n"


def _seen(*services: tuple[str, int]) -> set[tuple[Entity, Entity]]:
    ours = holders({name: [pid] for name, pid in services})
    found = [*connections(sockets(pid for _, pid in services)), *local_connections(local_sockets())]
    return calls(found, ours, {})


@pytest.mark.parametrize(("server", "host"), [("ipv4", "127.0.0.1"), ("both", "127.0.0.1"), ("ipv6", "::1")])
def test_who_calls_whom_is_read_off_a_connection(start: Start, server: str, host: str) -> None:
    """The one whose port is listened on is called, also where it takes IPv4 on a socket of IPv6."""
    process, port = start(_SERVER, server)
    ends = ("front", os.getpid()), ("orders", process.pid)
    with socket.create_connection((host, int(port))):
        _taken(process)
        assert _seen(*ends) == {(FRONT, ORDERS)}
        assert _seen(ends[0]) == set()
    assert _seen(*ends) == set()


def test_a_server_that_accepts_nobody_is_called_all_the_same(start: Start) -> None:
    """Who hangs leaves its callers in the queue of the socket that listens, where no process holds their other end."""
    program = _SERVER.replace("server.accept()", "__import__('time').sleep(600)")
    process, port = start(program, "ipv4")
    with socket.create_connection(("127.0.0.1", int(port))):
        assert _seen(("front", os.getpid()), ("orders", process.pid)) == {(FRONT, ORDERS)}


def test_a_call_over_a_unix_socket_is_seen(start: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "orders.sock")
    process, _ = start(_LOCAL_SERVER, path)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)
        _taken(process)
        assert _seen(("front", os.getpid()), ("orders", process.pid)) == {(FRONT, ORDERS)}


@pytest.mark.needs("network-namespaces")
def test_a_call_inside_another_network_namespace_is_seen(start: Start) -> None:
    """Its tables are its own, and one of its processes shows them."""
    process, child = start(_PAIR, before=("unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"))
    server = psutil.Process(int(child)).ppid()
    assert _seen(("front", int(child)), ("orders", server)) == {(FRONT, ORDERS)}
    psutil.Process(int(child)).kill()
    psutil.Process(server).kill()
    assert process.wait() is not None


@pytest.mark.parametrize("reading", [asked_for, tables], ids=["asked", "tables"])
@pytest.mark.parametrize(("server", "host"), [("ipv4", "127.0.0.1"), ("both", "127.0.0.1"), ("ipv6", "::1")])
def test_psutil_sees_the_same_sockets(start: Start, server: str, host: str, reading: Any) -> None:
    """Addresses, states and numbers of a process's sockets are those that psutil tells, whichever way they are read."""
    process, port = start(_SERVER, server)
    with socket.create_connection((host, int(port))):
        _taken(process)
        mine = set(held(process.pid))
        ours = {one.inode: (one.local, one.remote, one.listens) for one in reading() if one.inode in mine}
        theirs = {
            int(os.readlink(f"/proc/{process.pid}/fd/{one.fd}")[8:-1]): (  # noqa: PTH115 - a link to no file
                _address(one.laddr),
                _address(one.raddr) if one.raddr else (bytes(len(_address(one.laddr)[0])), 0),
                one.status == psutil.CONN_LISTEN,
            )
            for one in psutil.Process(process.pid).net_connections("tcp")
        }
    assert ours == theirs
    assert len(ours) == 2


def _address(told: Any) -> tuple[bytes, int]:
    host = ip_address(told.ip)
    return (getattr(host, "ipv4_mapped", None) or host).packed, told.port


def test_psutil_sees_the_same_unix_sockets(start: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "orders.sock")
    process, _ = start(_LOCAL_SERVER, path)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)
        _taken(process)
        mine = set(held(process.pid))
        ours = sorted(one.path for one in local_sockets() if one.inode in mine)
        theirs = sorted(one.laddr for one in psutil.Process(process.pid).net_connections("unix"))
    assert ours == theirs == [path, path]


def test_a_process_that_is_gone_holds_nothing() -> None:
    """Its namespace is nobody's any more, either."""
    gone = 2**22 + 1
    assert holders({"front": [gone]}) == {}
    assert {one.space for one in sockets([gone])} <= {one.space for one in sockets()}


def test_a_line_that_is_cut_off_is_no_socket() -> None:
    """The table is read while it changes."""
    assert (
        list(
            parsed(
                [
                    "",
                    "  0: 0100007F:1F90",
                    "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid",
                ],
                "here",
            )
        )
        == []
    )


def test_a_stranger_is_named_by_its_program_and_its_port(start: Start) -> None:
    """It is searched for once, then remembered for as long as somebody asks, and not searched for again too soon."""
    process, port = start(_SERVER, "ipv4")
    (inode,) = (one.inode for one in sockets() if one.listens and one.inode in set(held(process.pid)))
    strangers = Strangers(30.0)
    (name,) = {one.ref for one in strangers.named({inode: port}, 0.0).values()}
    assert name == f"process:{psutil.Process(process.pid).name()}:{port}"
    assert strangers.named({inode: port}, 1.0).keys() == {inode}
    assert strangers.named({}, 2.0) == {}
    assert strangers.named({inode: port}, 3.0) == {}
    assert strangers.named({inode: port}, 31.0).keys() == {inode}


def test_the_platform_is_nobodys_dependency() -> None:
    """Everything that is watched sends its telemetry here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = os.fstat(server.fileno()).st_ino
        assert Strangers(30.0).named({inode: "7600"}, 0.0) == {}
