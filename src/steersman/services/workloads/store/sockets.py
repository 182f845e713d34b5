"""The TCP sockets that listen or are connected, in every network namespace that is used here.

The kernel is asked for those of our own namespace. Another one shows its tables through any process in it, and so does
our own where asking is forbidden. What cannot be read is left out: a connection that is not seen is no edge.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from steersman.services.workloads.model.sockets import Address, Socket
from steersman.services.workloads.store.sock_diag import LISTENS, STATES, answers

_PROC = "/proc"
_SELF = "self"
#: States and columns of the tables as in include/net/tcp_states.h and proc_net_tcp.rst of the kernel.
_WANTED_STATES, _LISTENS = {"01", "0A"}, "0A"
_LOCAL, _REMOTE, _STATE, _INODE = 1, 2, 3, 9
_WORD_DIGITS = 8
#: Layout of the kernel's linux/inet_diag.h: the question with 48 bytes of a socket's address, which are not used.
_QUESTION = struct.Struct("=BBBBI48x")
_ANSWER = struct.Struct("=BBBB2s2s16s16sIIIIIIII")
_BYTES = {socket.AF_INET: 4, socket.AF_INET6: 16}
#: How an IPv4 address begins where it stands among those of IPv6.
_MAPPED = bytes(10) + b"\xff\xff"


def sockets(pids: Iterable[int] = ()) -> list[Socket]:
    """Return the sockets of this network namespace and of those of the processes that are given."""
    found: list[Socket] = []
    for space, who in _spaces(pids).items():
        found += _here(space) if who == _SELF else tables(who, space)
    return found


def _spaces(pids: Iterable[int]) -> dict[str, str]:
    """Return one process for each namespace, our own first."""
    found: dict[str, str] = {}
    for who in (_SELF, *map(str, pids)):
        with suppress(OSError):  # it has ended, or is somebody else's
            found.setdefault(os.readlink(f"{_PROC}/{who}/ns/net"), who)  # noqa: PTH115 - the text of the link, not a path
    return found


def _here(space: str) -> list[Socket]:
    try:
        return asked_for(space)
    except OSError:
        return tables(_SELF, space)


def asked_for(space: str = "") -> list[Socket]:
    """Ask the kernel; raises `OSError` where it does not answer."""
    questions = [_QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, STATES) for family in _BYTES]
    return [_answered(body, space) for question in questions for body in answers(question)]


def _answered(body: bytes, space: str) -> Socket:
    family, state, _, _, source, target, local, remote, *_, inode = _ANSWER.unpack_from(body)
    size = _BYTES[family]
    ends = [(_plain(host[:size]), int.from_bytes(port, "big")) for host, port in ((local, source), (remote, target))]
    return Socket(ends[0], ends[1], state == LISTENS, inode, space)


def tables(who: str = _SELF, space: str = "") -> list[Socket]:
    """Read the tables that a process shows; nothing where it has ended or may not be looked at."""
    found: list[Socket] = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            found += parsed(Path(_PROC, who, "net", table).read_text().splitlines()[1:], space)
    return found


def parsed(lines: Iterable[str], space: str = "") -> Iterator[Socket]:
    """Read the lines of a table below its head; the state says which are of interest."""
    for line in lines:
        fields = line.split()
        if len(fields) > _INODE and fields[_STATE] in _WANTED_STATES:
            listens = fields[_STATE] == _LISTENS
            yield Socket(_address(fields[_LOCAL]), _address(fields[_REMOTE]), listens, int(fields[_INODE]), space)


def _address(text: str) -> Address:
    """Read `0100007F:1F90`: words of four bytes, each in the machine's own order."""
    host, _, port = text.partition(":")
    words = (int(host[at : at + _WORD_DIGITS], 16) for at in range(0, len(host), _WORD_DIGITS))
    return _plain(b"".join(word.to_bytes(4, sys.byteorder) for word in words)), int(port, 16)


def _plain(host: bytes) -> bytes:
    return host.removeprefix(_MAPPED)
