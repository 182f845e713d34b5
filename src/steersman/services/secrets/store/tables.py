"""The table of named secrets, and the lineage of its migrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, Text, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from steersman.contract.ports import Database
from steersman.model.errors import Conflict
from steersman.model.ids import Tenant
from steersman.runtime.database.migrate import Lineage, migrate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

LINEAGE = Lineage("secrets", Path(__file__).parent.parent / "migrations")

named = Table(
    "secrets_named",
    MetaData(),
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("name", String(64)),
    Column("sealed", LargeBinary),
    Column("note", Text),
    Column("created_ms", BigInteger),
    Column("changed_ms", BigInteger),
)


def prepare(database: Database) -> None:
    """Bring the table up to date."""
    migrate(database, [LINEAGE])


def found(connection: Connection, tenant: Tenant, name: str) -> Row[Any] | None:
    """Return one secret of a tenant."""
    wanted = (named.c.tenant == tenant) & (named.c.name == name)
    return connection.execute(select(named).where(wanted)).one_or_none()


def listed(connection: Connection, tenant: Tenant) -> Sequence[Row[Any]]:
    """Return all of a tenant by name."""
    return connection.execute(select(named).where(named.c.tenant == tenant).order_by(named.c.name)).all()


def add(transaction: Connection, **values: Any) -> None:
    """Add one; raises `Conflict` where somebody else was faster with the same name."""
    try:
        transaction.execute(insert(named).values(**values))
    except IntegrityError:
        # Without the cause, whose text holds the values.
        raise Conflict("somebody else has given a secret this name just now: try again") from None


def change(transaction: Connection, id: str, **values: Any) -> None:
    transaction.execute(update(named).where(named.c.id == id).values(**values))


def remove(transaction: Connection, id: str) -> None:
    if transaction.dialect.name == "sqlite":
        # The pages of the file forget it as well, not only the index.
        transaction.exec_driver_sql("PRAGMA secure_delete=ON")
    transaction.execute(delete(named).where(named.c.id == id))
