"""What changes a declared folder: delete, rotate, truncate, quarantine. Each compares the file before it acts.

A file that is another than the one that was planned for is left alone. Nothing here needs room on the disk, save the
copies that `compression` makes and the tail that `truncate` keeps if there is room for it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from steersman.model.errors import Conflict, NotFound
from steersman.services.housekeeping.model import QUARANTINE, FileSeen
from steersman.services.housekeeping.store import Folder

#: Never wait for a writer where somebody put a pipe in a file's place.
_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: The end of a live log that survives its truncation: what a person wants to read first.
_KEPT_BYTES = 64 * 1024
#: But never more than this part of it: it was emptied for the room.
_KEPT_PART = 16


@dataclass(frozen=True, slots=True)
class WorkingFolder:
    """A declared folder, open for acting upon."""

    looking: Folder

    def delete(self, file: FileSeen) -> int:
        """Remove a file; returns the bytes that it had."""
        with self.looking.parent(file.name) as (parent, last):
            demand_same(parent, last, file)
            os.unlink(last, dir_fd=parent)
        return file.size

    def rotate(self, file: FileSeen, stamp: str) -> str:
        """Give a file a name with the time in it; returns the new name. Its writer opens a new one when told to."""
        return self.rename(file, f"{file.name}.{stamp}")

    def rename(self, file: FileSeen, name: str) -> str:
        """Give a file another name below the folder; raises `Conflict` where that name is taken."""
        with self.looking.parent(file.name) as (parent, last), self.looking.parent(name) as (there, new):
            demand_same(parent, last, file)
            if _exists(there, new):
                raise Conflict(f"there is already a {name} in {self.looking.path}")
            os.rename(last, new, src_dir_fd=parent, dst_dir_fd=there)
        return name

    def truncate(self, file: FileSeen, stamp: str) -> tuple[str, int]:
        """Empty a file that its writer keeps open; returns the name of the end that is kept and the bytes freed."""
        with self.looking.parent(file.name) as (parent, last):
            descriptor = os.open(last, os.O_RDWR | _OPEN, dir_fd=parent)
            try:
                demand_same(parent, last, file)
                size = os.fstat(descriptor).st_size
                wanted = min(_KEPT_BYTES, size // _KEPT_PART)
                tail = os.pread(descriptor, wanted, size - wanted)
                os.ftruncate(descriptor, 0)
            finally:
                os.close(descriptor)
            kept = _keep(parent, f"{last}.{stamp}", tail)
        return f"{file.name}.{stamp}" if kept else "", size - kept

    def quarantine(self, file: FileSeen) -> str:
        """Move a file out of its writers' and readers' sight; returns the new name. Frees nothing."""
        with suppress(FileExistsError):
            os.mkdir(QUARANTINE, 0o700, dir_fd=self.looking.descriptor)
        return self.rename(file, quarantined(file.name))


def quarantined(name: str) -> str:
    """Return where a file lies in quarantine: one folder, with the file's way into it as its name."""
    return f"{QUARANTINE}/{quote(name, safe='')}"


def demand_same(parent: int, last: str, file: FileSeen) -> None:
    """Raise where the file is gone, or another than the one that was seen."""
    try:
        inode = os.stat(last, dir_fd=parent, follow_symlinks=False).st_ino
    except FileNotFoundError as error:
        raise NotFound(f"the file {file.name} is gone") from error
    if inode != file.inode:
        raise Conflict(f"another file has taken the name {file.name} meanwhile")


def _exists(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _keep(parent: int, name: str, tail: bytes) -> int:
    """Write the end of a log beside it; where there is no room, the room was what was asked for."""
    if not tail:
        return 0
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600, dir_fd=parent)
    except OSError:
        return 0
    try:
        return os.write(descriptor, tail)
    except OSError:
        os.unlink(name, dir_fd=parent)
        return 0
    finally:
        os.close(descriptor)
