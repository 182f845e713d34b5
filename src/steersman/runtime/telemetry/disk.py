"""Every write of the store goes through this port, so that a test can record the writes and lose some of them.

Nothing here is durable until `sync` (a file's content) and `sync_folder` (its name) have returned.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class AppendFile(Protocol):
    """A file that grows at its end. `size` is where the next byte goes."""

    size: int

    def append(self, buffers: Sequence[Buffer]) -> None: ...
    def sync(self) -> None: ...
    def truncate(self, size: int) -> None: ...
    def close(self) -> None: ...


class Disk(Protocol):
    """The five ways in which the store changes a folder."""

    def open_append(self, path: Path, *, reserve: int = 0) -> AppendFile: ...
    def write_file(self, path: Path, buffers: Sequence[Buffer]) -> None: ...
    def replace(self, source: Path, target: Path) -> None: ...
    def remove(self, path: Path) -> None: ...
    def sync_folder(self, path: Path) -> None: ...


def _write_all(descriptor: int, buffers: Sequence[Buffer], offset: int) -> int:
    """Write the buffers at `offset` and return the offset behind them; short writes are continued."""
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        while view:
            written = os.pwrite(descriptor, view, offset)
            offset += written
            view = view[written:]
    return offset


class _LocalAppend:
    def __init__(self, path: Path, reserve: int) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self._descriptor).st_size
        if reserve > self.size:
            try:
                # Blocks that exist already make each later fdatasync skip the file system's own journal,
                # and a full disk is noticed here instead of in the middle of a record.
                os.posix_fallocate(self._descriptor, 0, reserve)
            except OSError:
                # A file system may keep what it had allocated by then: the last bytes of a full disk, which the
                # next checkpoint needs.
                os.ftruncate(self._descriptor, self.size)
                os.close(self._descriptor)
                raise

    def append(self, buffers: Sequence[Buffer]) -> None:
        self.size = _write_all(self._descriptor, buffers, self.size)

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        self.size = size

    def close(self) -> None:
        os.close(self._descriptor)


def write_together(disk: Disk, files: Mapping[Path, Sequence[Buffer]]) -> None:
    """Write files that are of use together only: when one of them cannot be written, none is left."""
    try:
        for path, buffers in files.items():
            disk.write_file(path, buffers)
    except OSError:
        for path in files:
            disk.remove(path)
        raise


class LocalDisk:
    """The real one."""

    def open_append(self, path: Path, *, reserve: int = 0) -> AppendFile:
        """Open or create `path` for appending; `reserve` bytes are allocated ahead and read as zeros."""
        return _LocalAppend(path, reserve)

    def write_file(self, path: Path, buffers: Sequence[Buffer]) -> None:
        """Write a whole file and sync its content; its name is durable after `sync_folder`.

        A file that cannot be written whole is taken away again, because the disk is probably full.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, buffers, 0)
            os.fsync(descriptor)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def sync_folder(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
