"""A file elsewhere that every checkpoint is appended to, so that whoever takes database and key is still caught.

It is of use only where nobody who administers this machine can write into it: a share that appends, a mounted medium.
One that does not answer holds up neither the start nor a signature; it is told later what it missed, and an invariant
says so meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from steersman.services.audit.store import tables
from steersman.services.audit.store.copies import append_notes, mend

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.ports import Database


class Witness:
    """Remembers how far the witness was told; without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._told: int | None = None
        self.failure: str | None = None

    def meet(self, connection: Connection, compare: Callable[[Connection, str | None, Path], None]) -> None:
        """Let `compare` refuse a start where the witness knows what the database does not."""
        if self._path is None:
            return
        try:
            newest = mend(self._path)
        except OSError as error:
            self.failure = f"{self._path} cannot be read: {error.strerror}"
            return
        compare(connection, newest, self._path)
        self._told = 0 if newest is None else int(newest.split("\n", 2)[1])

    def tell(self, database: Database, size: int) -> None:
        """Append what the witness was not told yet, up to the checkpoint of this size."""
        if self._path is None or (self._told is not None and size <= self._told):
            return
        try:
            with database.reading() as connection:
                if self._told is None:
                    newest = mend(self._path)
                    self._told = 0 if newest is None else int(newest.split("\n", 2)[1])
                missed = tables.notes_after(connection, self._told)
            append_notes(self._path, [note for _, note in missed])
        except OSError as error:
            self.failure = f"{self._path} takes no checkpoints: {error.strerror}"
            return
        self._told, self.failure = size, None
