"""Hands the log on to a new signing key, beside a running platform or without one.

The new key lies on the disk before the database says that it is in charge, and takes the old one's place after that:
whoever opens the log in between finishes the move (`keys.current`). A kill at any moment leaves the old key in charge
or the new one, and never a database that names a key which is nowhere.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from steersman.contract.ports import JournalEntry
from steersman.engine.audit.checkpoint import NoteKey, parse_note
from steersman.model.errors import Conflict, InvalidInput
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.keyfile import IN_THE_CLEAR, KeyFile
from steersman.services.audit.store import tables
from steersman.services.audit.store.chain import chain_of, succession
from steersman.services.audit.store.keys import NEXT_FILE, current, new_key, private_bytes, public_key

if TYPE_CHECKING:
    from steersman.contract.ports import Clock, Database, Ids, Journal

ROTATED_TYPE = "audit.key.rotated"


def rotate(
    database: Database, journal: Journal, ids: Ids, clock: Clock, data_dir: Path, file: KeyFile = IN_THE_CLEAR
) -> NoteKey:
    """Make a new signing key, let the old one vouch for it, and put it in its place; returns its public half."""
    with _alone(data_dir / NEXT_FILE.parent):
        tables.prepare(database)
        with database.reading() as connection:
            handed = tables.successions(connection)
        chain = chain_of(public_key(data_dir), handed)
        old = current(data_dir, chain.newest, file)
        new = new_key(name=old.public.name)
        file.write(data_dir / NEXT_FILE, private_bytes(new))
        with database.transaction() as transaction:
            tables.hold_growth(transaction)
            if tables.successions(transaction) != handed:
                raise Conflict("the key was rotated by somebody else just now")
            newest = next(iter(tables.newest_notes(transaction, 1)), None)
            size = 0 if newest is None else parse_note(newest).checkpoint.size
            tables.add_succession(transaction, len(handed), succession(old, new, size, clock.wall_ns()))
            told = {"old": old.public.id.hex(), "size": size}
            entry = JournalEntry(
                ids.new(), clock.wall_ns(), DEFAULT_TENANT, "local", ROTATED_TYPE, new.public.id.hex(), told
            )
            journal.append(transaction, [entry])
        return current(data_dir, new.public, file).public


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second rotation out, on this machine."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise InvalidInput(f"{folder} is not there: give the platform's data directory as --data") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict("another rotation is under way on this data directory") from error
    finally:
        os.close(descriptor)
