"""Finds actions that were begun and have no end in the journal: the process was killed in between.

Plans have durable work that goes on by itself. What a person or another program asked for has only its intent; whoever
reads this list performs it again under its key, which compares before it repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from steersman.contract.ports import Ports
from steersman.model.ids import Id, Tenant
from steersman.runtime.database.journal import journal

_REQUESTED = "action.requested"
_ENDS = ("action.applied", "action.failed", "action.idle")
#: How far back an intent is looked for. An older one is not finished unasked anyway.
_STRETCH = 20_000


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody began to do. `subject` is `service.action`, `args` are JSON data."""

    id: Id
    time_ns: int
    tenant: Tenant
    actor: str
    subject: str
    key: str
    args: Any


def interrupted(ports: Ports, before_ns: int) -> list[Intent]:
    """Return the intents without an end from before this process, oldest first."""
    with ports.database.reading() as connection:
        head: int = connection.execute(select(func.max(journal.c.seq))).scalar_one_or_none() or 0
        query = select(journal).where(journal.c.seq > head - _STRETCH, journal.c.type.in_((_REQUESTED, *_ENDS)))
        rows = connection.execute(query.order_by(journal.c.seq)).all()
    ended = {row.cause for row in rows if row.type in _ENDS}
    return [
        Intent(
            id=Id(row.id),
            time_ns=row.time_ns,
            tenant=Tenant(row.tenant),
            actor=row.actor,
            subject=row.subject,
            key=row.payload["key"],
            args=row.payload["args"],
        )
        for row in rows
        if row.type == _REQUESTED and row.id not in ended and row.time_ns < before_ns
    ]
