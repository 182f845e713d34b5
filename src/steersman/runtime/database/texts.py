"""Free text and JSON in tables, looked through for somebody and rewritten without them, a few rows at a time.

Rows are compared in Python, because a database stores JSON with escapes and knows nothing of where a name ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, and_, select, tuple_, update

from steersman.contract.identifiers import Identifiers
from steersman.contract.ports import Database

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Row

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Texts:
    """The columns of a table that hold text or JSON, and which of its rows count."""

    table: Table
    columns: tuple[str, ...]
    where: ColumnElement[bool]

    @property
    def _key(self) -> list[Column[Any]]:
        return list(self.table.primary_key)

    def naming(self, connection: Connection, who: Identifiers) -> Iterator[dict[str, Any]]:
        """Yield the rows that name somebody, whole."""
        for page in self._pages(connection):
            yield from (dict(row._mapping) for row in page if self._without(row, who))  # noqa: SLF001 - SQLAlchemy's name for it

    def remove(self, database: Database, who: Identifiers) -> int:
        """Put `(erased)` where somebody stands; return in how many rows. One transaction a page, so nobody waits."""
        changed, after = 0, None
        while True:
            with database.transaction() as transaction:
                if transaction.dialect.name == "sqlite":
                    transaction.exec_driver_sql("PRAGMA secure_delete=ON")
                page = self._page(transaction, after)
                for row in page:
                    if values := self._without(row, who):
                        mine = and_(*(column == row._mapping[column.name] for column in self._key))  # noqa: SLF001 - as above
                        transaction.execute(update(self.table).where(mine).values(**values))
                        changed += 1
            if not page:
                return changed
            after = self._place(page[-1])

    def _without(self, row: Row[Any], who: Identifiers) -> dict[str, Any]:
        """Return the columns of a row that are different without somebody."""
        given = {name: row._mapping[name] for name in self.columns}  # noqa: SLF001 - as above
        return {name: bare for name, value in given.items() if (bare := who.removed_from(value)) != value}

    def _pages(self, connection: Connection) -> Iterator[Sequence[Row[Any]]]:
        after = None
        while page := self._page(connection, after):
            yield page
            after = self._place(page[-1])

    def _page(self, connection: Connection, after: tuple[Any, ...] | None) -> Sequence[Row[Any]]:
        query = select(self.table).where(self.where).order_by(*self._key).limit(_PAGE)
        if after is not None:
            query = query.where(tuple_(*self._key) > after)
        return connection.execute(query).all()

    def _place(self, row: Row[Any]) -> tuple[Any, ...]:
        return tuple(row._mapping[column.name] for column in self._key)  # noqa: SLF001 - as above
