"""Bring the tables of every part to their latest revision at start, and refuse what a newer version wrote.

Each part has a lineage of its own: a folder of Alembic scripts in a straight line and a version table. The stored
revision is read without Alembic, which is only imported when there is something to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select, text

from steersman.model.errors import Permanent

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.ports import Database

#: Any fixed number: two processes on one PostgreSQL must not migrate at the same time.
_MIGRATION_LOCK = 0x57EE_0001


@dataclass(frozen=True, slots=True)
class Lineage:
    """The migrations of one part. Scripts are named `r0001_words.py`; the highest number is the head."""

    name: str
    folder: Path

    @property
    def version_table(self) -> str:
        return f"{self.name}_revision"

    @property
    def revisions(self) -> tuple[str, ...]:
        """All revisions, oldest first, as the file names say."""
        return tuple(sorted(script.name.partition("_")[0] for script in self.folder.glob("r[0-9]*_*.py")))


HOUSE_LINEAGE = Lineage("house", Path(__file__).parent / "migrations")


def migrate(database: Database, lineages: Sequence[Lineage]) -> tuple[str, ...]:
    """Upgrade every lineage to its head and return the names of those that changed.

    Everything happens in one transaction: a kill half way leaves the old tables. Raises `Permanent` for a stored
    revision that this version does not know.
    """
    with database.reading() as connection:
        pending = [lineage for lineage in lineages if _is_pending(connection, lineage)]
    if not pending:
        return ()
    with database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        # Asked again under the lock: another process may have been faster.
        pending = [lineage for lineage in lineages if _is_pending(connection, lineage)]
        for lineage in pending:
            _upgrade(connection, lineage)
    return tuple(lineage.name for lineage in pending)


def stored_revision(connection: Connection, lineage: Lineage) -> str | None:
    """Return the revision of the tables in the database, or None when there are none."""
    if not inspect(connection).has_table(lineage.version_table):
        return None
    table = Table(lineage.version_table, MetaData(), Column("version_num", String(32)))
    return connection.execute(select(table.c.version_num)).scalar_one_or_none()


def _is_pending(connection: Connection, lineage: Lineage) -> bool:
    stored = stored_revision(connection, lineage)
    if stored is not None and stored not in lineage.revisions:
        raise Permanent(
            f"the tables of {lineage.name} are at revision {stored}, this version knows up to {lineage.revisions[-1]}: "
            f"start the newer version that wrote them, or restore a backup from before the update"
        )
    return stored != lineage.revisions[-1]


def _upgrade(connection: Connection, lineage: Lineage) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(lineage.folder), version_locations=[str(lineage.folder)])
    head = lineage.revisions[-1]

    def steps(revision: object, _context: object) -> object:
        return scripts._upgrade_revs(head, revision)  # type: ignore[arg-type]  # noqa: SLF001 - what alembic.command does

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=head) as environment:
        environment.configure(connection=connection, version_table=lineage.version_table, transactional_ddl=True)
        environment.run_migrations()
