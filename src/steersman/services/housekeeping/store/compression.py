"""Compresses a file in place: the original stays until its copy is complete, synced and has its final name.

A kill in between leaves the original, or the original and a complete copy with the same time; the next run tells
them apart and goes on from there.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from steersman.model.errors import Conflict, NotFound, Temporary
from steersman.services.housekeeping.model import FileSeen
from steersman.services.housekeeping.store import PARTIAL, Folder
from steersman.services.housekeeping.store.effects import demand_same

_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 256 * 1024
#: Window bits that make zlib write and read the gzip format (zlib manual, deflateInit2).
_GZIP = 31
#: gzip grows what cannot be compressed by 5 bytes in 16 KiB; the rest is for the folder's own block.
_MARGIN = 64 * 1024


def compress(folder: Folder, file: FileSeen) -> int:
    """Replace a file by its .gz; returns the bytes that this freed. Raises `Temporary` where there is no room."""
    with folder.parent(file.name) as (parent, last):
        demand_same(parent, last, file)
        copy = f"{last}.gz"
        if not _is_copy(parent, copy, file):
            _demand_room(folder, file)
            _write(parent, last, copy, file)
        size = os.stat(copy, dir_fd=parent, follow_symlinks=False).st_size
        _demand_unchanged(parent, last, copy, file)
        os.unlink(last, dir_fd=parent)
    return file.size - size


def decompress(folder: Folder, name: str) -> None:
    """Put a compressed file back under its old name; raises `Conflict` where that is taken."""
    with folder.parent(name) as (parent, last):
        copy, partial = f"{last}.gz", f"{last}{PARTIAL}"
        try:
            source = os.open(copy, os.O_RDONLY | _OPEN, dir_fd=parent)
        except FileNotFoundError as error:
            raise NotFound(f"{name}.gz is gone") from error
        try:
            with suppress(FileNotFoundError):
                os.stat(last, dir_fd=parent, follow_symlinks=False)
                raise Conflict(f"there is a new {name} in {folder.path}")
            with _partial(parent, partial, source) as target:
                _pump(source, target, zlib.decompressobj(_GZIP).decompress)
            os.rename(partial, last, src_dir_fd=parent, dst_dir_fd=parent)
            os.unlink(copy, dir_fd=parent)
        finally:
            os.close(source)


def _write(parent: int, last: str, copy: str, file: FileSeen) -> None:
    with suppress(FileNotFoundError):
        os.stat(copy, dir_fd=parent, follow_symlinks=False)
        raise Conflict(f"there is already another {file.name}.gz")
    partial = f"{last}{PARTIAL}"
    source = os.open(last, os.O_RDONLY | _OPEN, dir_fd=parent)
    try:
        with _partial(parent, partial, source) as target:
            packer = zlib.compressobj(level=6, wbits=_GZIP)
            _pump(source, target, packer.compress)
            _write_all(target, packer.flush())
        os.rename(partial, copy, src_dir_fd=parent, dst_dir_fd=parent)
        os.fsync(parent)
    finally:
        os.close(source)


@contextmanager
def _partial(parent: int, name: str, like: int) -> Iterator[int]:
    """Open a new file that gets mode, owner and times of another and is synced, or is gone if that fails."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)
    target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600, dir_fd=parent)
    try:
        yield target
        status = os.fstat(like)
        with suppress(PermissionError):
            os.fchown(target, status.st_uid, status.st_gid)
        os.fchmod(target, status.st_mode & 0o777)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(target)
    except (OSError, zlib.error) as error:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=parent)
        raise Temporary(f"the copy could not be written: {error}") from error
    finally:
        os.close(target)


def _pump(source: int, target: int, through: Callable[[bytes], bytes]) -> None:
    while chunk := os.read(source, _CHUNK):
        _write_all(target, through(chunk))


def _write_all(target: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(target, rest) :]


def _is_copy(parent: int, copy: str, file: FileSeen) -> bool:
    """Tell whether a kill came between the copy and the removal of its original: same time, same size inside."""
    try:
        descriptor = os.open(copy, os.O_RDONLY | _OPEN, dir_fd=parent)
    except FileNotFoundError:
        return False
    try:
        status = os.fstat(descriptor)
        # RFC 1952: the last four bytes are the size of the content modulo 2^32.
        size = int.from_bytes(os.pread(descriptor, 4, max(0, status.st_size - 4)), "little")
    finally:
        os.close(descriptor)
    return status.st_mtime_ns == file.modified_ns and size == file.size % 2**32


def _demand_room(folder: Folder, file: FileSeen) -> None:
    needed = file.size + file.size // 1024 + _MARGIN
    if folder.available() < needed:
        raise Temporary(f"there is no room for a copy of {file.name}: {needed} bytes")


def _demand_unchanged(parent: int, last: str, copy: str, file: FileSeen) -> None:
    """A file that was written to while it was copied keeps its content and loses the copy."""
    status = os.stat(last, dir_fd=parent, follow_symlinks=False)
    if (status.st_ino, status.st_size, status.st_mtime_ns) != (file.inode, file.size, file.modified_ns):
        os.unlink(copy, dir_fd=parent)
        raise Conflict(f"{file.name} is being written to")
