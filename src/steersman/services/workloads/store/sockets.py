"""Which service is connected to which on this machine, as the kernel's tables of TCP sockets tell it.

Both ends of a local connection stand in the tables, so no address has to be understood: the end whose port somebody
listens on is the one that is called. Other network namespaces have tables of their own and are not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from steersman.services.workloads.store import proc

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
#: States and columns as in include/net/tcp_states.h and proc_net_tcp.rst of the kernel.
_ESTABLISHED, _LISTENS = "01", "0A"
_LOCAL, _REMOTE, _STATE, _INODE = 1, 2, 3, 9
#: How an IPv4 address begins where it stands in the table of IPv6; its words are in the machine's own byte order.
_MAPPED = f"{0:016X}" + ("FFFF0000" if sys.byteorder == "little" else "0000FFFF")
_SOCKET = "socket:["


@dataclass(frozen=True, slots=True)
class Socket:
    """A TCP socket: both addresses as the kernel writes them (`0100007F:1F90`), and the number that names it."""

    local: str
    remote: str
    listens: bool
    inode: int

    @property
    def port(self) -> str:
        return self.local.rpartition(":")[2]


def sockets() -> list[Socket]:
    """Return the sockets of this network namespace that listen or are connected."""
    return [socket for table in _TABLES if table.exists() for socket in _parsed(table.read_text().splitlines()[1:])]


def _parsed(lines: Iterable[str]) -> Iterator[Socket]:
    for line in lines:
        fields = line.split()
        if fields[_STATE] in {_ESTABLISHED, _LISTENS}:
            listens = fields[_STATE] == _LISTENS
            yield Socket(_plain(fields[_LOCAL]), _plain(fields[_REMOTE]), listens, int(fields[_INODE]))


def _plain(address: str) -> str:
    return address.removeprefix(_MAPPED)


def owners(services: Mapping[str, Iterable[int]]) -> dict[int, str]:
    """Return the service that holds each socket, from the pids of each service."""
    found = {}
    for service, pids in services.items():
        for pid in pids:
            for inode in _held(pid):
                found[inode] = service
    return found


def _held(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for descriptor in proc.descriptors(pid):
            with suppress(OSError):  # it was closed meanwhile
                target = str(descriptor.readlink())
                if target.startswith(_SOCKET):
                    yield int(target[len(_SOCKET) : -1])


def calls(seen: Iterable[Socket], holders: Mapping[int, str]) -> set[tuple[str, str]]:
    """Return who calls whom: pairs of services with a connection from the first to a port of the second."""
    seen = list(seen)
    serving = {socket.port: holders[socket.inode] for socket in seen if socket.listens and socket.inode in holders}
    ends = {(socket.local, socket.remote): socket for socket in seen if not socket.listens}
    found = set()
    for (local, remote), socket in ends.items():
        caller = holders.get(socket.inode)
        called = serving.get(remote.rpartition(":")[2])
        if caller and called and caller != called and (remote, local) in ends:
            found.add((caller, called))
    return found
