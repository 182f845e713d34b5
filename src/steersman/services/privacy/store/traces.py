"""Looks for a person's name and address in every text of the control database, to tell what an erasure left.

It reads tables as the database describes them and not as their owners do: one that nobody declared is looked at too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import JSON, LargeBinary, MetaData, String, Table, Text, cast, func, or_, select

from steersman.contract.personal import Person

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: A shorter name is found in half of all texts.
_SHORTEST = 4
#: The request itself says whose data it was, sealed, until it is done.
_OWN = "privacy_requests"


def traces(connection: Connection, one: Person) -> list[str]:
    """Return `table.column: n rows` for each place where the person's name or address still stands."""
    words = [word for word in {one.name, one.email} if len(word) >= _SHORTEST]
    # JSON is stored with escapes.
    words += [escaped for word in words if (escaped := json.dumps(word)[1:-1]) != word]
    if not words:
        return []
    known = MetaData()
    known.reflect(connection)
    return [found for table in known.sorted_tables if table.name != _OWN for found in _in(connection, table, words)]


def _in(connection: Connection, table: Table, words: list[str]) -> list[str]:
    found = []
    for column in table.columns:
        if not isinstance(column.type, String | Text | JSON) or isinstance(column.type, LargeBinary):
            continue
        text = cast(column, Text)
        matches = or_(*(text.contains(word, autoescape=True) for word in words))
        rows = connection.execute(select(func.count()).select_from(table).where(matches)).scalar_one()
        if rows:
            found.append(f"{table.name}.{column.name}: {rows} {'row' if rows == 1 else 'rows'}")
    return found
