"""A check of the conformance kit: whatever a service keeps about persons in tables, it declares.

It knows a column that names somebody by what it is called, and by a foreign key to accounts. Who keeps no persons in
such a column says in `impersonal` what it holds instead, so that a forgotten one is never taken for a harmless one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from steersman.contract.harness import Harness, demand
from steersman.contract.service import Service, stateless

#: Words that a column's name is made of where it holds a person, or what leads to one.
_PERSONS = re.compile(
    r"(?:^|_)(?:accounts?|actor|address(?:es)?|agent|approver|author|caller|e?mail|holder|ip|members?|names?|"
    r"owner|people|persons?|phone|subject|users?|username|who)(?:_id)?$|_by$|^by$"
)
_ACCOUNTS = re.compile(r"(?:^|_)(?:accounts|users|people|persons)$")


def names_somebody(column: Any) -> bool:
    """Tell whether a column, as SQLAlchemy describes it, looks as if it named a person."""
    targets = (key.target_fullname.rpartition(".")[0] for key in column.foreign_keys)
    return bool(_PERSONS.search(column.name)) or any(_ACCOUNTS.search(target) for target in targets)


def undeclared(tables: Iterable[Any], services: Iterable[Service]) -> list[str]:
    """Return, as `table.column`, what looks as if it named a person and is declared by nobody."""
    known: set[str] = set()
    for service in services:
        known |= {column for kind in service.personal for column in kind.columns} | service.impersonal.keys()
    return sorted(
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if table.name not in known and f"{table.name}.{column.name}" not in known and names_somebody(column)
    )


def persons_are_declared(_harness: Harness, service: Service, _cases: Any) -> None:
    """Every column of the service's own tables that names a person is in `personal`, or explained in `impersonal`."""
    left = undeclared(own_tables(service), [service])
    first = left[0] if left else ""
    demand(
        not left,
        f"{', '.join(left)}: looks as if it named a person. Add it to the `columns` of a PersonalData in `personal`, "
        f"which exports and erases it, or say what it holds: impersonal={{{first!r}: 'the name of a ...'}}",
    )


def own_tables(service: Service) -> Iterator[Any]:
    """Yield the tables that the modules of a service define; one that it only borrows is its owner's to declare."""
    if service.lifespan is stateless:
        return
    home = service.lifespan.__module__.rpartition(".")[0] or service.lifespan.__module__
    inside: dict[int, Any] = {}
    elsewhere: set[int] = set()
    for name, module in list(sys.modules.items()):
        for value in list(vars(module).values()):
            if type(value).__name__ == "Table" and hasattr(value, "primary_key") and hasattr(value, "metadata"):
                if name == home or name.startswith(f"{home}."):
                    inside[id(value)] = value
                else:
                    elsewhere.add(id(value))
    yield from (table for number, table in inside.items() if number not in elsewhere)
