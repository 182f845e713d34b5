"""Puts the evidence of one log aside, so that another can begin. A kill in between is made good by doing it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steersman.runtime.keyfile import sync_folder
from steersman.services.audit.store import tables
from steersman.services.audit.store.copies import COPY_FILE, append_notes
from steersman.services.audit.store.keys import KEY_FILE

if TYPE_CHECKING:
    from steersman.contract.ports import Database

#: Checkpoints as the database had them, beside the file that was copied all along.
_STORED = "checkpoints-in-the-database"
_HANDED = "successions-in-the-database"


def begin_anew(database: Database, data_dir: Path, now_ns: int) -> Path:
    """Move the folder with copies and keys aside, then forget the tree; returns where the old evidence is."""
    tables.prepare(database)
    folder = data_dir / COPY_FILE.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    with database.reading() as connection:
        stored = [note for _, note in tables.notes_after(connection, -1)]
        handed = tables.successions(connection)
    if stored:
        # A run that was killed after it forgot the tree has written them already.
        (folder / _STORED).unlink(missing_ok=True)
        append_notes(folder / _STORED, stored)
    if handed:
        (folder / _HANDED).unlink(missing_ok=True)
        append_notes(folder / _HANDED, handed)
    if (data_dir / KEY_FILE).exists():
        (data_dir / KEY_FILE).rename(folder / KEY_FILE.name)
    with database.transaction() as transaction:
        tables.hold_growth(transaction)
        tables.drop_tree(transaction)
    aside = folder.with_name(f"{folder.name}-until-{now_ns}")
    folder.rename(aside)
    sync_folder(data_dir)
    return aside
