"""The tables of this slice and how their lineage is brought up to date.

A row holds the whole value as JSON beside the few columns that are searched, so a new field of the vocabulary needs
no migration. The journal is not repeated here: it is read through its index on the subject.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects import postgresql, sqlite

from steersman.contract.ports import Database
from steersman.runtime.database.migrate import Lineage, migrate

LINEAGE = Lineage("operations", Path(__file__).parent.parent / "migrations")

_META = MetaData()
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

incidents = Table(
    "ops_incidents",
    _META,
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("state", Text),
    Column("severity", Text),
    Column("opened_ms", BigInteger),
    Column("updated_ms", BigInteger),
    Column("entry", String(36)),
    Column("body", JSON),
)
incident_entities = Table(
    "ops_incident_entities",
    _META,
    Column("tenant", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("incident", String(36), primary_key=True),
)
findings = Table(
    "ops_findings",
    _META,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("tenant", Text),
    Column("key", Text),
    Column("started_ms", BigInteger),
    Column("active", Boolean),
    Column("entity", Text),
    Column("aspect", Text),
    Column("severity", Text),
    Column("incident", String(36)),
    Column("entry", String(36)),
    Column("body", JSON),
    UniqueConstraint("tenant", "key", "started_ms"),
)
plans = Table(
    "ops_plans",
    _META,
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("incident", String(36)),
    Column("state", Text),
    Column("action", Text),
    Column("decided_ms", BigInteger),
    Column("entry", String(36)),
    Column("body", JSON),
    Column("verdict", JSON(none_as_null=True)),
)
lessons = Table(
    "ops_lessons",
    _META,
    Column("tenant", Text, primary_key=True),
    Column("action", Text, primary_key=True),
    Column("situation", Text, primary_key=True),
    Column("helped", Double),
    Column("failed", Double),
    Column("updated_ms", BigInteger),
)
changes = Table(
    "ops_changes",
    _META,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("time_ms", BigInteger),
    Column("entity", Text),
    Column("kind", Text),
    Column("body", JSON),
)
policies = Table(
    "ops_policies",
    _META,
    Column("version", _NUMBER, primary_key=True, autoincrement=True),
    Column("tenant", Text),
    Column("time_ms", BigInteger),
    Column("actor", Text),
    Column("why", Text),
    Column("body", JSON),
)
feedback = Table(
    "ops_feedback",
    _META,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("tenant", Text),
    Column("incident", String(36)),
    Column("kind", Text),
    Column("time_ms", BigInteger),
    Column("actor", Text),
    Column("text", Text),
)
alerts = Table(
    "ops_alerts",
    _META,
    Column("tenant", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("received_ms", BigInteger),
    Column("ends_ms", BigInteger),
    Column("decided_ms", BigInteger),
    Column("incident", String(36)),
    Column("body", JSON),
)


def prepare(database: Database) -> None:
    """Create or upgrade the tables; call it before anything else of this store."""
    migrate(database, [LINEAGE])


def put(
    transaction: Connection,
    table: Table,
    key: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
    *,
    keep: Sequence[str] = (),
    fill: Sequence[str] = (),
) -> None:
    """Insert rows, or replace those with the same key.

    A column in `keep` holds on to its first value, and one in `fill` is only replaced by a value, never by nothing. A
    replaced row without anything to set, because its key is all it has, is left alone.
    """
    if not rows:
        return
    dialect = postgresql if transaction.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    given: dict[str, Any] = {name: statement.excluded[name] for name in rows[0] if name not in key}
    given |= {name: func.coalesce(table.c[name], statement.excluded[name]) for name in keep}
    given |= {name: func.coalesce(statement.excluded[name], table.c[name]) for name in fill}
    if given:
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=given)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    transaction.execute(statement, [dict(row) for row in rows])
