"""Who calls whom, from the sockets of this machine: the one who listens is called, whoever holds the other end calls.

Both ends of a local connection stand in the kernel's tables, so nothing has to be known of addresses but which mean
the same. What leads to another machine is left out: nothing here could be found of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from steersman.model.entities import Entity
from steersman.services.workloads.model.sockets import Address, Connection, LocalSocket, Socket

_EVERYWHERE = bytes(4), bytes(16)
#: 127.0.0.0/8 and ::1.
_LOOPBACK_4, _LOOPBACK_6 = 127, bytes(15) + b"\1"
_IPV4_BYTES = 4


def connections(sockets: Sequence[Socket]) -> Iterator[Connection]:
    """Yield the TCP connections between sockets of this machine, also across its network namespaces."""
    listening = {(one.space, one.local): one for one in sockets if one.listens}
    ends: dict[tuple[Address, Address], list[Socket]] = {}
    for one in sockets:
        if not one.listens:
            ends.setdefault((one.local, one.remote), []).append(one)
    for one in sockets:
        listener = None if one.listens else _listener(one, listening)
        if listener is None:
            continue
        caller = _other_end(one, ends.get((one.remote, one.local), ()))
        if caller is not None:
            yield Connection(caller.inode, one.inode, listener.inode, str(one.local[1]))


def _listener(one: Socket, listening: Mapping[tuple[str, Address], Socket]) -> Socket | None:
    """Return the socket that took a connection in: it listens on the very address, or on all of them."""
    host, port = one.local
    found = (listening.get((one.space, (address, port))) for address in (host, *_EVERYWHERE))
    return next((socket for socket in found if socket is not None), None)


def _other_end(one: Socket, ends: Sequence[Socket]) -> Socket | None:
    """Return the end at the reversed addresses; every namespace has a loopback of its own."""
    here = next((end for end in ends if end.space == one.space), None)
    return here or next(iter(ends if not _is_loopback(one.local[0]) else ()), None)


def _is_loopback(host: bytes) -> bool:
    return host[0] == _LOOPBACK_4 if len(host) == _IPV4_BYTES else host == _LOOPBACK_6


def local_connections(sockets: Sequence[LocalSocket]) -> Iterator[Connection]:
    """Yield the connections over Unix sockets: an accepted one carries the path of the one that listens."""
    listening = {one.path: one.inode for one in sockets if one.listens and one.path}
    for one in sockets:
        if one.peer and not one.listens and one.path in listening:
            yield Connection(one.peer, one.inode, listening[one.path], one.path.rpartition("/")[2])


def calls(
    seen: Iterable[Connection], holders: Mapping[int, Entity], strangers: Mapping[int, Entity]
) -> set[tuple[Entity, Entity]]:
    """Return who calls whom: a service of ours, and what holds the socket that it called, ours or a stranger's."""
    found = set()
    for one in seen:
        caller = holders.get(one.caller)
        called = holders.get(one.called) or holders.get(one.listener) or strangers.get(one.listener)
        if caller is not None and called is not None and caller != called:
            found.add((caller, called))
    return found


def unknown(seen: Iterable[Connection], holders: Mapping[int, Entity]) -> dict[int, str]:
    """Return the listening sockets that services of ours call and nobody of ours holds, with what is called there."""
    return {
        one.listener: one.at
        for one in seen
        if one.caller in holders and one.called not in holders and one.listener not in holders
    }


def undisputed(
    seen: Iterable[tuple[Entity, Entity]], declared: Mapping[str, Sequence[str]]
) -> list[tuple[Entity, Entity]]:
    """Return the calls in order, without those against what an owner declared: whom one needs may well call back."""
    needed = {(f"service:{name}", f"service:{other}") for name, others in declared.items() for other in others}
    return sorted((pair for pair in seen if (pair[1].ref, pair[0].ref) not in needed), key=_names)


def _names(pair: tuple[Entity, Entity]) -> tuple[str, str]:
    return pair[0].ref, pair[1].ref
