"""A declared folder on disk, opened so that no link, race or mount can lead out of it.

Every step goes from one directory's descriptor to the next and follows no link, so whoever may write below the folder
can at worst make a step fail. What is not a regular file on the same file system is neither counted nor touched.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from steersman.model.errors import InvalidInput, NotFound, Permanent
from steersman.services.housekeeping.model import QUARANTINE, FileSeen, Scan

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: A folder with more is measured as far as this; half a second of looking is the most that it may cost.
_MOST_FILES = 200_000
_DEEPEST = 32
#: The end of the name of a copy that is not complete. It counts, and nothing is done to it.
PARTIAL = ".steersman-partial"


@dataclass(frozen=True, slots=True)
class Folder:
    """A declared folder, open for looking. It has no method that changes anything."""

    path: str
    descriptor: int
    device: int

    def scan(self) -> Scan:
        """Return what lies in it."""
        files, counted, used = [], set(), 0
        for name, status in self._walk(self.descriptor, "", 0):
            if status.st_ino not in counted:
                counted.add(status.st_ino)
                used += status.st_size
            if not name.startswith(f"{QUARANTINE}/") and not name.endswith(PARTIAL) and _is_text(name):
                files.append(_seen(name, status))
            if len(counted) >= _MOST_FILES:
                break
        return Scan(tuple(files), used, self.available())

    def available(self) -> int:
        """Return the bytes that this user may still write to the file system."""
        figures = os.fstatvfs(self.descriptor)
        return figures.f_bavail * figures.f_frsize

    def find(self, name: str) -> FileSeen | None:
        """Return a regular file by its name from the folder on, or None where there is none."""
        try:
            with self.parent(name) as (parent, last):
                status = os.stat(last, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_dev != self.device:
            raise InvalidInput(f"{name} in {self.path} is not a regular file of its file system")
        return _seen(name, status)

    @contextmanager
    def parent(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield the descriptor of the folder that a file lies in, and the last part of its name."""
        parts = plain_parts(name)
        descriptor = os.dup(self.descriptor)
        try:
            for part in parts[:-1]:
                descriptor = _step(descriptor, part, _FOLDER, self.path)
                if os.fstat(descriptor).st_dev != self.device:
                    raise InvalidInput(f"{name} in {self.path} lies on another file system")
            yield descriptor, parts[-1]
        finally:
            os.close(descriptor)

    def _walk(self, descriptor: int, prefix: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                # What vanishes while we look is no longer there; what we may not see is not ours.
                with suppress(FileNotFoundError, PermissionError, NotADirectoryError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_dev != self.device:
                        continue
                    if stat.S_ISREG(status.st_mode):
                        yield f"{prefix}{entry.name}", status
                    elif stat.S_ISDIR(status.st_mode) and depth < _DEEPEST:
                        yield from self._below(descriptor, entry.name, prefix, depth)

    def _below(self, descriptor: int, name: str, prefix: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
        inner = os.open(name, _FOLDER, dir_fd=descriptor)
        try:
            if os.fstat(inner).st_dev == self.device:
                yield from self._walk(inner, f"{prefix}{name}/", depth + 1)
        finally:
            os.close(inner)


@contextmanager
def opened(path: str) -> Iterator[Folder]:
    """Open a declared folder; raises `NotFound` where it is gone and `Permanent` where a link stands in its way."""
    descriptor = os.open("/", _PASS)
    parts = path.split("/")[1:]
    try:
        for depth, part in enumerate(parts, start=1):
            descriptor = _step(descriptor, part, _FOLDER if depth == len(parts) else _PASS, path)
        yield Folder(path, descriptor, os.fstat(descriptor).st_dev)
    except FileNotFoundError as error:
        raise NotFound(f"the folder {path} does not exist") from error
    finally:
        os.close(descriptor)


def plain_parts(name: str) -> list[str]:
    """Split a name below a folder; raises `InvalidInput` for one that could lead out of it."""
    parts = name.split("/")
    if "\0" in name or any(part in {"", ".", ".."} for part in parts):
        raise InvalidInput(f"{name!r} is not the name of a file below the folder")
    return parts


def _step(descriptor: int, part: str, flags: int, path: str) -> int:
    """Go one folder down, giving up the one that we come from."""
    try:
        inner = os.open(part, flags, dir_fd=descriptor)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise Permanent(f"{part!r} on the way into {path} is a link or no folder: it is not followed") from error
        raise
    os.close(descriptor)
    return inner


def _seen(name: str, status: os.stat_result) -> FileSeen:
    return FileSeen(name, status.st_size, status.st_mtime_ns, status.st_ino)


def _is_text(name: str) -> bool:
    """A name that is no UTF-8 can be counted, but neither shown nor asked for."""
    return not any("\udc80" <= character <= "\udcff" for character in name)
