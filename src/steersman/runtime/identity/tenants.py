"""Tenants: whose things these are. Functions take an open transaction.

A tenant is never deleted, only disabled, because its id stands in records that are kept. The first one is the
installation's own: its people may hold permissions about the machine, and it cannot be disabled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from steersman.model.errors import Conflict, NotFound
from steersman.model.ids import Tenant
from steersman.runtime.identity import tables

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """One tenant. A disabled one lets nobody in, and loses nothing."""

    id: Tenant
    title: str
    disabled: bool
    created_ms: int


def add(transaction: Connection, record: TenantRecord) -> None:
    """Store a new tenant; raises `Conflict` when there is one of this id."""
    row = {"id": record.id, "title": record.title, "disabled": record.disabled, "created_ms": record.created_ms}
    try:
        transaction.execute(insert(tables.tenants).values(**row))
    except IntegrityError as error:
        raise Conflict(f"there is a tenant {record.id!r} already") from error


def change(transaction: Connection, id: Tenant, **values: Any) -> None:
    """Write columns of a tenant."""
    transaction.execute(update(tables.tenants).where(tables.tenants.c.id == id).values(**values))


def list_tenants(connection: Connection) -> list[TenantRecord]:
    """Return every tenant by id."""
    rows = connection.execute(select(tables.tenants).order_by(tables.tenants.c.id))
    return [TenantRecord(Tenant(row.id), row.title, row.disabled, row.created_ms) for row in rows]


def the_tenant(connection: Connection, id: str) -> TenantRecord:
    """Return one tenant; raises `NotFound`."""
    for record in list_tenants(connection):
        if record.id == id:
            return record
    raise NotFound(f"there is no tenant {id!r}")


def is_open(connection: Connection, id: str) -> bool:
    """Tell whether people of a tenant are let in; of one that nobody made, nobody is."""
    query = select(tables.tenants.c.disabled).where(tables.tenants.c.id == id)
    return connection.execute(query).scalar() is False


def hold(transaction: Connection, id: str) -> None:
    """Let others who change who may do what in a tenant wait until this transaction has ended."""
    transaction.execute(select(tables.tenants.c.id).where(tables.tenants.c.id == id).with_for_update())
