"""Ends what is over for long: incidents that were resolved, with all that belongs to them, and changes of that time.

Lessons stay, because they name nobody and are what was learnt. What names a person under a legal hold stays whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, tuple_

from steersman.contract.personal import Person
from steersman.contract.ports import Context
from steersman.model.incidents import IncidentState
from steersman.services.operations.store import tables
from steersman.services.operations.store.executions import executions

if TYPE_CHECKING:
    from sqlalchemy import Connection

_BELONGING = (tables.plans, tables.findings, tables.feedback, tables.incident_entities, tables.alerts)


def expire(context: Context, before_ms: int, held: tuple[Person, ...], most: int) -> int:
    """Forget incidents that were resolved before a moment and changes from before it; return how many."""
    with context.ports.database.transaction() as transaction:
        incidents = list(islice(_over(transaction, before_ms, held), most))
        plans = select(tables.plans.c.id).where(tables.plans.c.incident.in_(incidents))
        transaction.execute(delete(executions).where(executions.c.plan.in_(plans)))
        for table in _BELONGING:
            transaction.execute(delete(table).where(table.c.incident.in_(incidents)))
        transaction.execute(delete(tables.incidents).where(tables.incidents.c.id.in_(incidents)))
        changes = list(islice(_old_changes(transaction, before_ms, held), most - len(incidents)))
        key = tuple_(tables.changes.c.tenant, tables.changes.c.id)
        transaction.execute(delete(tables.changes).where(key.in_(changes)))
    return len(incidents) + len(changes)


def _over(connection: Connection, before_ms: int, held: tuple[Person, ...]) -> Iterator[str]:
    row = tables.incidents.c
    resolved = (row.state == IncidentState.RESOLVED.value) & (row.updated_ms < before_ms)
    for found in connection.execute(select(row.id, row.tenant, row.body).where(resolved).order_by(row.updated_ms)):
        said = _said(connection, found.id) if held else []
        if not _names([found.body, said], found.tenant, held):
            yield found.id


def _said(connection: Connection, incident: str) -> list[list[Any]]:
    row = tables.feedback.c
    return [list(one) for one in connection.execute(select(row.actor, row.text).where(row.incident == incident))]


def _old_changes(connection: Connection, before_ms: int, held: tuple[Person, ...]) -> Iterator[tuple[str, str]]:
    row = tables.changes.c
    query = select(row.tenant, row.id, row.body).where(row.time_ms < before_ms).order_by(row.time_ms)
    for found in connection.execute(query):
        if not _names(found.body, found.tenant, held):
            yield found.tenant, found.id


def _names(value: Any, tenant: str, held: tuple[Person, ...]) -> bool:
    return any(one.tenant == tenant and one.identifiers.stand_in(value) for one in held)
