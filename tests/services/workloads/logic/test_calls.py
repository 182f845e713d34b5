"""Which sockets are two ends of a call, where the tables alone do not show it."""

from __future__ import annotations

from ipaddress import ip_address

from steersman.model.entities import Entity, EntityKind
from steersman.services.workloads.logic.calls import calls, connections, local_connections, undisputed, unknown
from steersman.services.workloads.model.sockets import Address, Connection, LocalSocket, Socket

ORDERS, DATABASE, CACHE = (Entity(EntityKind.SERVICE, name) for name in ("orders", "database", "cache"))
HERE, THERE = "net:[1]", "net:[2]"


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return ip_address(host.strip("[]")).packed, int(port)


def _listens(local: str, inode: int, space: str = HERE) -> Socket:
    return Socket(_address(local), _address("0.0.0.0:0"), listens=True, inode=inode, space=space)


def _end(local: str, remote: str, inode: int, space: str = HERE) -> Socket:
    return Socket(_address(local), _address(remote), listens=False, inode=inode, space=space)


def test_a_remote_port_that_is_by_chance_one_of_ours_is_no_call() -> None:
    """Somebody far away listens on 5432 as well; only a connection with both ends here is one between services."""
    seen = [_listens("0.0.0.0:5432", 1), _end("10.0.0.10:54321", "10.0.0.11:5432", 2)]
    assert list(connections(seen)) == []


def test_two_that_listen_on_one_port_are_told_apart_by_their_address() -> None:
    """127.0.0.1:5432 is the database, 127.0.0.2:5432 the cache."""
    seen = [
        _listens("127.0.0.1:5432", 1),
        _listens("127.0.0.2:5432", 2),
        _end("127.0.0.1:54321", "127.0.0.2:5432", 3),
        _end("127.0.0.2:5432", "127.0.0.1:54321", 4),
    ]
    assert list(connections(seen)) == [Connection(caller=3, called=4, listener=2, at="5432")]


def test_a_call_from_one_namespace_into_another_is_seen() -> None:
    """The two ends stand in different tables, at addresses that only turn around."""
    seen = [
        _end("192.0.2.1:54321", "192.0.2.2:5432", 3, HERE),
        _end("192.0.2.2:5432", "192.0.2.1:54321", 4, THERE),
        _listens("0.0.0.0:5432", 2, THERE),
    ]
    assert list(connections(seen)) == [Connection(caller=3, called=4, listener=2, at="5432")]


def test_every_namespace_has_a_loopback_of_its_own() -> None:
    """The same addresses elsewhere are other sockets, of which this table knows nothing."""
    seen = [
        _end("127.0.0.1:54321", "127.0.0.1:5432", 3, HERE),
        _end("127.0.0.1:5432", "127.0.0.1:54321", 4, THERE),
        _listens("127.0.0.1:5432", 2, THERE),
    ]
    assert list(connections(seen)) == []
    seen = [_end("[::1]:54321", "[::1]:5432", 3, HERE), _end("[::1]:5432", "[::1]:54321", 4, THERE)]
    assert list(connections([*seen, _listens("[::]:5432", 2, THERE)])) == []


def test_a_pair_of_sockets_inside_a_program_is_no_call() -> None:
    """Neither end has a name, and nobody listens."""
    seen = [LocalSocket("", listens=False, inode=1, peer=2), LocalSocket("", listens=False, inode=2, peer=1)]
    assert list(local_connections(seen)) == []


def test_what_is_called_and_held_by_nobody_of_ours_is_a_question() -> None:
    """A stranger that answers is named; one that only calls is not, as whoever watches us calls us as well."""
    out, into = Connection(3, 4, 2, "5432"), Connection(9, 6, 5, "8001")
    held = {3: ORDERS, 5: ORDERS, 6: ORDERS}
    assert unknown([out, into], held) == {2: "5432"}
    assert calls([out, into], held, {2: DATABASE}) == {(ORDERS, DATABASE)}


def test_an_owners_word_on_who_needs_whom_is_not_turned_around() -> None:
    """A database that calls those back who need it does not need them for that."""
    seen = {(ORDERS, DATABASE), (DATABASE, ORDERS), (ORDERS, CACHE)}
    assert undisputed(seen, {"orders": ["database"]}) == [(ORDERS, CACHE), (ORDERS, DATABASE)]
