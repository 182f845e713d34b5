"""Sockets and the connections between them, as the kernel tells of them. Values only."""

from __future__ import annotations

from dataclasses import dataclass

#: The bytes of an IP address in their order, four or sixteen of them, and a port. IPv4 has four wherever it stands.
Address = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Socket:
    """A TCP socket with both addresses and the number that names it; 0 where no process holds it yet.

    `space` is the network namespace in which these addresses mean something.
    """

    local: Address
    remote: Address
    listens: bool
    inode: int
    space: str = ""


@dataclass(frozen=True, slots=True)
class LocalSocket:
    """A Unix socket: the path that it was bound to, if any, and the number of the one at its other end."""

    path: str
    listens: bool
    inode: int
    peer: int = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """Three sockets by their numbers: the caller's, the one that was made for it, and the one that listens.

    The middle one is 0 where nobody has accepted the call yet. `at` is the port or the path that was called.
    """

    caller: int
    called: int
    listener: int
    at: str
