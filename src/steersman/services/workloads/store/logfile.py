"""A replica's log file: read on from where reading stopped, and kept from growing without end.

The child holds the file open and appends, so it is never replaced under it: its content is copied aside and the file
made empty. What is written between the copy and the emptying is lost, which is told by nobody; that is microseconds.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from steersman.services.workloads.logic.lines import cut

#: How much is read of one file at a time, and how far behind reading may be before it skips.
PIECE_BYTES = 1 << 20
_BEHIND_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Read:
    """New lines, and how many bytes were skipped because they came faster than they could be read."""

    lines: tuple[bytes, ...]
    skipped: int


class LogFile:
    """Reads one file. Its place is kept beside it, so that a restart neither repeats nor misses lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = path.with_suffix(".offset")
        self._offset = self._kept_offset()

    def read(self) -> Read:
        """Return what was written since the last reading."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return Read((), 0)
        if size == self._offset:
            return Read((), 0)
        offset = 0 if size < self._offset else self._offset
        skipped = max(0, size - offset - _BEHIND_BYTES)
        with self._path.open("rb") as file:
            file.seek(offset + skipped)
            piece = cut(file.read(PIECE_BYTES))
        self._keep(offset + skipped + piece.used)
        return Read(piece.lines, skipped)

    def rotate(self, limit: int) -> bool:
        """Move the content aside once it is larger than this and has been read; one older file is kept."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return False
        if size < limit or (size > self._offset and size < 2 * limit):
            return False
        aside = self._path.with_suffix(".log.1")
        shutil.copyfile(self._path, aside)
        os.truncate(self._path, 0)
        self._keep(0)
        return True

    def _kept_offset(self) -> int:
        try:
            return int(self._place.read_text())
        except (OSError, ValueError):
            return 0

    def _keep(self, offset: int) -> None:
        """A kill of the platform leaves this behind; only the machine's own end may make it a little old."""
        self._offset = offset
        draft = self._place.with_suffix(".draft")
        draft.write_text(str(offset))
        draft.replace(self._place)
