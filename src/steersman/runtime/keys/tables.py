"""The database's copy of the ring, wrapped as in its file: the witness that something was sealed, and a way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, delete, insert, select

from steersman.runtime.database.migrate import Lineage, stored_revision

if TYPE_CHECKING:
    from sqlalchemy import Connection

LINEAGE = Lineage("keys", Path(__file__).parent / "migrations")

rings = Table(
    "keys_rings",
    MetaData(),
    Column("version", BigInteger, primary_key=True),
    Column("text", LargeBinary),
)


def kept(connection: Connection) -> tuple[int, bytes] | None:
    """Return version and text of the copy, or None where nothing was ever sealed."""
    if stored_revision(connection, LINEAGE) is None:
        return None
    row = connection.execute(select(rings).order_by(rings.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else (row.version, bytes(row.text))


def keep(connection: Connection, version: int, text: bytes) -> None:
    """Put a copy in the place of the one before, of which nothing stays: a root key that was replaced opens it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    connection.execute(delete(rings).where(rings.c.version <= version))
    connection.execute(insert(rings).values(version=version, text=text))


def forget(connection: Connection) -> None:
    """Drop a copy that is damaged, for the one that follows at once."""
    connection.execute(delete(rings))
