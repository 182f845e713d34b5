"""The tables of privacy and how their lineage is brought up to date."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import JSON, BigInteger, Column, LargeBinary, MetaData, String, Table, Text

from steersman.contract.ports import Database
from steersman.runtime.database.migrate import Lineage, migrate

LINEAGE = Lineage("privacy", Path(__file__).parent.parent / "migrations")
_META = MetaData()

requests = Table(
    "privacy_requests",
    _META,
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("account", String(36)),
    Column("sealed", LargeBinary),
    Column("asked_by", Text),
    Column("reason", Text),
    Column("asked_ms", BigInteger),
    Column("done_ms", BigInteger),
    Column("steps", JSON),
    Column("trouble", Text),
)
holds = Table(
    "privacy_holds",
    _META,
    Column("account", String(36), primary_key=True),
    Column("tenant", Text),
    Column("reason", Text),
    Column("placed_by", Text),
    Column("placed_ms", BigInteger),
)


def prepare(database: Database) -> None:
    """Create or upgrade the tables."""
    migrate(database, [LINEAGE])
