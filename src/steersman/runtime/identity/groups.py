"""Groups: people who hold the same roles. Functions take an open transaction.

One of ten thousand is put in or taken out by itself, so that two administrators at once undo nothing of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from steersman.model.errors import NotFound
from steersman.model.ids import Id, Tenant
from steersman.runtime.identity import tables
from steersman.runtime.identity.accounts import held_by, set_roles, the_account
from steersman.runtime.identity.names import folded

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


@dataclass(frozen=True, slots=True)
class Group:
    """People who hold the same roles."""

    id: Id
    tenant: Tenant
    name: str
    roles: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


def list_groups(connection: Connection, tenant: Tenant) -> list[Group]:
    """Return every group with its roles and its members' names."""
    query = select(tables.groups).where(tables.groups.c.tenant == tenant).order_by(tables.groups.c.name)
    rows = connection.execute(query).all()
    held = held_by(connection, [row.id for row in rows])
    people: dict[str, list[str]] = {}
    named = (
        select(tables.members.c.group_id, tables.accounts.c.name)
        .join(tables.accounts, tables.members.c.account == tables.accounts.c.id)
        .where(tables.accounts.c.tenant == tenant)
        .order_by(tables.accounts.c.name)
    )
    for group, name in connection.execute(named):
        people.setdefault(group, []).append(name)
    return [
        Group(Id(row.id), Tenant(row.tenant), row.name, held.get(row.id, ()), tuple(people.get(row.id, ())))
        for row in rows
    ]


def the_group(connection: Connection, tenant: Tenant, name: str) -> Group:
    """Return one group; raises `NotFound`."""
    found = connection.execute(select(tables.groups).where(_named(tenant, name))).one_or_none()
    if found is None:
        raise NotFound(f"there is no group {name!r}")
    mine = (
        select(tables.accounts.c.name)
        .join(tables.members, tables.members.c.account == tables.accounts.c.id)
        .where(tables.members.c.group_id == found.id)
        .order_by(tables.accounts.c.name)
    )
    roles = held_by(connection, [found.id]).get(found.id, ())
    return Group(Id(found.id), tenant, found.name, roles, tuple(connection.execute(mine).scalars()))


def save_group(transaction: Connection, group: Group) -> None:
    """Make a group, or give the one of this name other roles and members; raises `NotFound` for a member."""
    known = transaction.execute(select(tables.groups.c.id).where(_named(group.tenant, group.name))).scalar()
    found = Id(known or group.id)
    if known is None:
        transaction.execute(insert(tables.groups).values(id=found, tenant=group.tenant, name=group.name))
    set_roles(transaction, found, group.roles)
    transaction.execute(delete(tables.members).where(tables.members.c.group_id == found))
    for name in sorted({folded(member) or member for member in group.members}):
        account = the_account(transaction, group.tenant, name)
        transaction.execute(insert(tables.members).values(group_id=found, account=account.id))


def put_in(transaction: Connection, group: Id, account: Id) -> bool:
    """Put somebody into a group; tell whether they were not in it."""
    if transaction.execute(select(tables.members).where(_member(group, account))).one_or_none() is not None:
        return False
    transaction.execute(insert(tables.members).values(group_id=group, account=account))
    return True


def take_out(transaction: Connection, group: Id, account: Id) -> bool:
    """Take somebody out of a group; tell whether they were in it."""
    return transaction.execute(delete(tables.members).where(_member(group, account))).rowcount == 1


def drop_group(transaction: Connection, group: Id) -> None:
    """Delete a group; its members lose what they held by it."""
    transaction.execute(delete(tables.grants).where(tables.grants.c.holder == group))
    transaction.execute(delete(tables.members).where(tables.members.c.group_id == group))
    transaction.execute(delete(tables.groups).where(tables.groups.c.id == group))


def _named(tenant: Tenant, name: str) -> ColumnElement[bool]:
    return (tables.groups.c.tenant == tenant) & (tables.groups.c.name == name)


def _member(group: Id, account: Id) -> ColumnElement[bool]:
    return (tables.members.c.group_id == group) & (tables.members.c.account == account)
