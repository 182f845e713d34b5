"""The Unix sockets that listen or are connected. No file tells which end belongs to which, so the kernel is asked."""

from __future__ import annotations

import socket
import struct

from steersman.services.workloads.model.sockets import LocalSocket
from steersman.services.workloads.store.sock_diag import LISTENS, STATES, answers, attributes

#: Layout and numbers of the kernel's linux/unix_diag.h.
_QUESTION, _ANSWER, _NUMBER = struct.Struct("=BBHIIIII"), struct.Struct("=BBBBIII"), struct.Struct("=I")
_SHOW_NAME_AND_PEER = 0x1 | 0x4
_NAME, _PEER = 0, 2


def local_sockets() -> list[LocalSocket]:
    """Return the Unix sockets of this network namespace; nothing where the kernel does not say."""
    question = _QUESTION.pack(socket.AF_UNIX, 0, 0, STATES, 0, _SHOW_NAME_AND_PEER, 0, 0)
    try:
        return [parsed(body) for body in answers(question)]
    except OSError:
        return []


def parsed(body: bytes) -> LocalSocket:
    """Read one answer."""
    _, _, state, _, inode, _, _ = _ANSWER.unpack_from(body)
    told = attributes(body[_ANSWER.size :])
    peer = _NUMBER.unpack(told[_PEER])[0] if _PEER in told else 0
    return LocalSocket(_path(told.get(_NAME, b"")), state == LISTENS, inode, peer)


def _path(name: bytes) -> str:
    """Return a name as text; one that begins with a zero stands in no folder, and is written with an @."""
    abstract = name.startswith(b"\0")
    text = name.strip(b"\0").decode("utf-8", "replace")
    return f"@{text}" if abstract else text
