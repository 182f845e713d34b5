"""Reading the files of /proc and /sys often and cheaply. A file that is not there reads as empty."""

from __future__ import annotations

import os
from pathlib import Path

#: What the kernel hands out at most per call is one page or the whole text; this holds nearly all of them.
_CHUNK = 65_536


def read_once(path: str) -> str:
    """Read a small file that is not worth keeping open."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return _decoded(_read_all(descriptor))
    except OSError:
        # A process that ended between open and read, or a device that is down.
        return ""
    finally:
        os.close(descriptor)


def names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - a Path for each of hundreds of processes costs more than reading it
    except OSError:
        return []


def count_in(folder: str) -> int | None:
    """Count the descriptors in /proc/PID/fd: since Linux 6.2 the folder's size says it, before that only its names do.

    None when this process may not look, or the other has ended.
    """
    try:
        return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208 - see `names_in`
    except OSError:
        return None


def _read_all(descriptor: int) -> bytes:
    """Read from the start: each such read lets the kernel write the text anew."""
    parts = []
    offset = 0
    while part := os.pread(descriptor, _CHUNK, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def _decoded(text: bytes) -> str:
    # Mount points and commands may be any bytes; what is not UTF-8 is shown, never refused.
    return text.decode(errors="replace")


class _Descriptor:
    """An open file that closes with its last reference: a pass that still runs in a thread keeps what it reads."""

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class KeptFiles:
    """Files under one root that stay open between passes, which halves the cost of reading them."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._open: dict[str, _Descriptor] = {}

    def read(self, name: str) -> str:
        try:
            kept = self._open.get(name) or self._keep(name)
            return _decoded(_read_all(kept.number))
        except OSError:
            # Gone (a device that was pulled out), not there (a container) or not readable in this state.
            self._open.pop(name, None)
            return ""

    def folder(self, name: str) -> list[str]:
        return sorted(names_in(f"{self._root}/{name}"))

    def _keep(self, name: str) -> _Descriptor:
        self._open[name] = opened = _Descriptor(f"{self._root}/{name}")
        return opened
