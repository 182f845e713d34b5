"""Short names for permissions, as people write them: `TELEMETRY_READ` stands for all that telemetry lets one read.

Every service that declares permissions has `<SERVICE>_READ` and, where it has any, `<SERVICE>_WRITE`; others it
declares itself. A name has one meaning: whoever declares one that is taken, or one for a permission that nobody
declares, does not start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from steersman.model.errors import InvalidInput, Permanent

if TYPE_CHECKING:
    from steersman.contract.service import Permission, Service

Aliases = Mapping[str, frozenset[str]]
_SHAPE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def alias_table(services: Sequence[Service]) -> Aliases:
    """Return what each alias stands for; raises `Permanent` for one that is ambiguous or stands for nothing."""
    declared = {permission for service in services for permission in service.permissions}
    table: dict[str, frozenset[str]] = {}
    for service in services:
        for alias, permissions in (*_derived(service).items(), *service.aliases.items()):
            if not _SHAPE.fullmatch(alias):
                raise Permanent(f"the service {service.name}: the alias {alias!r} is not like RAG_READ")
            if alias in table and table[alias] != frozenset(permissions):
                raise Permanent(f"the service {service.name}: the alias {alias} means something else already")
            if unknown := sorted(set(permissions) - declared):
                raise Permanent(f"the service {service.name}: {alias} stands for {unknown[0]}, which nobody declares")
            if not permissions:
                raise Permanent(f"the service {service.name}: the alias {alias} stands for nothing")
            table[alias] = frozenset(permissions)
    return table


def without_aliases(names: Iterable[str], table: Aliases) -> list[Permission]:
    """Return permissions for names of both kinds; raises `InvalidInput` for an alias that nobody declares."""
    found: set[str] = set()
    for name in names:
        if not _SHAPE.fullmatch(name):
            found.add(name)
        elif name in table:
            found |= table[name]
        else:
            raise InvalidInput(f"no installed service declares the alias {name}; there are {', '.join(sorted(table))}")
    return sorted(found)


def _derived(service: Service) -> dict[str, frozenset[str]]:
    area = re.sub(r"[^A-Z0-9]+", "_", service.name.upper()).strip("_")
    reading = frozenset(one for one in service.permissions if one.rpartition(".")[2] == "read")
    both = {f"{area}_READ": reading, f"{area}_WRITE": frozenset(service.permissions) - reading}
    # What a service says itself comes before what follows from its name.
    return {alias: found for alias, found in both.items() if found and alias not in service.aliases}
