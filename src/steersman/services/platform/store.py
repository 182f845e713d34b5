"""Reads the journal's end and the token's file mode; changes neither."""

from __future__ import annotations

import stat
from pathlib import Path

from sqlalchemy import func, select

from steersman.contract.ports import Database, Journal, JournalEntry
from steersman.runtime.database.journal import journal

#: An invariant looks at the newest entries; older ones were looked at before.
_STRETCH = 1000


def journal_head(database: Database) -> int:
    """Return the number of the newest entry, 0 for an empty journal."""
    with database.reading() as connection:
        head: int | None = connection.execute(select(func.max(journal.c.seq))).scalar_one_or_none()
    return head or 0


def newest_entries(database: Database, entries: Journal) -> list[JournalEntry]:
    return entries.read(after=max(0, journal_head(database) - _STRETCH), limit=_STRETCH)


def exposed_token(data_dir: Path) -> str | None:
    """Say so when others than the owner may read or write the bootstrap token."""
    kept = data_dir / "secrets" / "bootstrap-token"
    if not kept.exists():
        return None
    mode = stat.S_IMODE(kept.stat().st_mode)
    return None if mode & 0o077 == 0 else f"{kept} has mode {mode:04o}: others than its owner may use the token"
