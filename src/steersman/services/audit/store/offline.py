"""Reads evidence from a database without a running platform, or beside one: one state of it, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from steersman.engine.audit.checkpoint import Checkpoint, NoteKey
from steersman.model.errors import InvalidInput
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.sql import SqlDatabase
from steersman.services.audit.logic.exporting import checkpoint_line, entry_line, head_line, succession_line
from steersman.services.audit.logic.verifying import verify
from steersman.services.audit.model.records import Fault, Problem, Verdict
from steersman.services.audit.store import tables
from steersman.services.audit.store.chain import KeyChain, chain_of

if TYPE_CHECKING:
    from sqlalchemy import Connection


@contextmanager
def opened(data_dir: Path, url: str | None) -> Iterator[Connection]:
    """Open the control database of a data directory for reading; raises `InvalidInput` where there is no evidence."""
    folder = data_dir / "database"
    if url is None and not any(folder.glob("*.sqlite3")):
        raise InvalidInput(f"{data_dir} holds no control database: give the platform's data directory as --data")
    database = SqlDatabase(open_engine(url, folder))
    try:
        with database.reading() as connection:
            if not inspect(connection).has_table(tables.leaves.name):
                raise InvalidInput("this database holds no evidence yet: start the platform once with this version")
            yield connection
    finally:
        database.close()


def examine(connection: Connection, key: NoteKey, kept: Iterable[str] = ()) -> Verdict:
    """Verify everything in the database; `kept` are checkpoints from elsewhere, in addition to the stored ones."""
    stored, kept = [note for _, note in tables.notes_after(connection, -1)], list(kept)
    checkpoints: list[Checkpoint] = []
    try:
        chain = chain_of(key, tables.successions(connection))
    except InvalidInput as error:
        forged: Problem | None = Problem(Fault.CHECKPOINT, None, error.message)
    else:
        checkpoints, forged = _believed(stored, kept, chain)
    rows = partial(tables.every_row, connection)
    return verify(rows, tables.every_leaf(connection), tables.every_tile(connection), checkpoints, forged)


def _believed(stored: Sequence[str], kept: Iterable[str], chain: KeyChain) -> tuple[list[Checkpoint], Problem | None]:
    """Split checkpoints into those whose signature holds and the first complaint about another."""
    found: dict[str, Checkpoint] = {}
    forged: Problem | None = None
    for note in (*kept, *stored):
        if note in found:
            continue
        try:
            found[note] = chain.verified(note).checkpoint
        except InvalidInput as error:
            forged = forged or Problem(Fault.CHECKPOINT, None, error.message)
    return list(found.values()), forged


def export_lines(connection: Connection, key: NoteKey) -> Iterator[str]:
    """Yield the lines of an export: all that the newest checkpoint covers, and every checkpoint."""
    yield head_line(key)
    notes = tables.notes_after(connection, -1)
    covered = notes[-1][0] if notes else 0
    leaves = (leaf for leaf in tables.every_leaf(connection) if leaf.position < covered)
    # Where the journal was tampered with, the two no longer go together: the reader of the export finds out.
    for leaf, row in zip(leaves, tables.every_row(connection), strict=False):
        yield entry_line(row, leaf)
    for note in tables.successions(connection):
        yield succession_line(note)
    for _, note in notes:
        yield checkpoint_line(note)
