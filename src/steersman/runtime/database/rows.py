"""Adds many rows of plain values in one go, past SQLAlchemy's handling of each cell.

For the tables that take thousands of rows a second: the journal, and the leaves over it. Values have to be as the
driver takes them, JSON as its text; errors are SQLAlchemy's, as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection


def insert_rows(transaction: Connection, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows whose cells are in the order of `columns`; names of table and columns are the caller's own words."""
    if rows:
        transaction.exec_driver_sql(_statement(table, columns, transaction.dialect.paramstyle), list(rows))


@lru_cache(maxsize=32)
def _statement(table: str, columns: tuple[str, ...], style: str) -> str:
    mark = "?" if style == "qmark" else "%s"
    marks = ", ".join([mark] * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - no value is in it
