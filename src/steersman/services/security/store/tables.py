"""The table of measures, the lineage of its migrations, and the newest entries of the journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Float, MetaData, String, Table, delete, func, insert, select

from steersman.contract.ports import Database
from steersman.runtime.database.journal import journal
from steersman.runtime.database.migrate import Lineage, migrate
from steersman.runtime.identity.tables import sessions
from steersman.services.security.logic.habits import SignIn
from steersman.services.security.model.measures import MeasureKind, MeasureView

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_SIGN_INS = 100
LINEAGE = Lineage("security", Path(__file__).parent.parent / "migrations")

measures = Table(
    "security_measures",
    MetaData(),
    Column("id", String(300), primary_key=True),
    Column("kind", String(16)),
    Column("target", String(64)),
    Column("every_seconds", Float),
    Column("since_ms", BigInteger),
    Column("until_ms", BigInteger),
)


def prepare(database: Database) -> None:
    """Bring the table up to date."""
    migrate(database, [LINEAGE])


def holding(connection: Connection, now_ms: int) -> list[MeasureView]:
    """Return what holds now, the newest first."""
    query = select(measures).where(measures.c.until_ms > now_ms).order_by(measures.c.since_ms.desc(), measures.c.id)
    return [_view(row) for row in connection.execute(query)]


def found(connection: Connection, id: str) -> MeasureView | None:
    """Return a measure, whether it still holds or not."""
    row = connection.execute(select(measures).where(measures.c.id == id)).one_or_none()
    return None if row is None else _view(row)


def add(transaction: Connection, one: MeasureView) -> None:
    """Keep a measure."""
    values = {**one.model_dump(), "kind": str(one.kind)}
    transaction.execute(insert(measures).values(**values))


def remove(transaction: Connection, id: str) -> bool:
    """Forget a measure; tell whether there was one."""
    return transaction.execute(delete(measures).where(measures.c.id == id)).rowcount > 0


def ended(transaction: Connection, before_ms: int) -> int:
    """Forget what ended before a time."""
    return transaction.execute(delete(measures).where(measures.c.until_ms < before_ms)).rowcount


def newest_seq(connection: Connection) -> int:
    """Return where the journal ends."""
    return connection.execute(select(func.max(journal.c.seq))).scalar() or 0


def sign_ins(connection: Connection, account: str, before_ms: int) -> list[SignIn]:
    """Return an account's sign-ins before a time that are still known, oldest first, the newest hundred of them."""
    columns = sessions.c.created_ms, sessions.c.address, sessions.c.agent
    query = select(*columns).where(sessions.c.account == account, sessions.c.created_ms < before_ms)
    rows = connection.execute(query.order_by(sessions.c.created_ms.desc()).limit(_SIGN_INS)).all()
    return [SignIn(row.created_ms / 1000, row.address or "", row.agent or "") for row in reversed(rows)]


def _view(row: Row[Any]) -> MeasureView:
    return MeasureView(
        id=row.id,
        kind=MeasureKind(row.kind),
        target=row.target,
        every_seconds=row.every_seconds,
        since_ms=row.since_ms,
        until_ms=row.until_ms,
    )
