"""Accounts, the roles that they hold, and the roles that people made. Functions take an open transaction.

An account is never deleted, only disabled: its name stands in the journal and must not come to mean somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from steersman.model.errors import Conflict, NotFound
from steersman.model.ids import Id, Tenant
from steersman.runtime.identity import tables
from steersman.runtime.identity.names import folded

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

    from steersman.runtime.identity.roles import Grants


class Kind(StrEnum):
    """A person signs in with a password; a service account has API keys only."""

    PERSON = "person"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may call. `roles` are those of the account itself, without those of its groups."""

    id: Id
    tenant: Tenant
    name: str
    email: str
    kind: Kind
    disabled: bool
    created_ms: int
    roles: tuple[str, ...] = ()
    second_factor: bool = False


def add_account(transaction: Connection, account: Account, password: str | None) -> None:
    """Store a new account; raises `Conflict` when the name is taken."""
    row = {
        "id": account.id,
        "tenant": account.tenant,
        "name": account.name,
        "email": account.email,
        "kind": account.kind.value,
        "password": password,
        "disabled": account.disabled,
        "created_ms": account.created_ms,
    }
    try:
        transaction.execute(insert(tables.accounts).values(**row))
    except IntegrityError as error:
        raise Conflict(f"there is an account named {account.name!r} already") from error
    set_roles(transaction, account.id, account.roles)


def set_roles(transaction: Connection, holder: Id, roles: Iterable[str]) -> None:
    """Let an account or a group hold these roles and no others."""
    transaction.execute(delete(tables.grants).where(tables.grants.c.holder == holder))
    rows = [{"holder": holder, "role": role} for role in sorted(set(roles))]
    if rows:
        transaction.execute(insert(tables.grants), rows)


def change_account(transaction: Connection, id: Id, **values: Any) -> None:
    """Write columns of an account."""
    transaction.execute(update(tables.accounts).where(tables.accounts.c.id == id).values(**values))


def list_accounts(connection: Connection, tenant: Tenant) -> list[Account]:
    """Return every account of a tenant by name."""
    query = select(tables.accounts).where(tables.accounts.c.tenant == tenant).order_by(tables.accounts.c.name)
    rows = connection.execute(query).all()
    held = held_by(connection, [row.id for row in rows])
    return [of_row(row, held.get(row.id, ())) for row in rows]


def the_account(connection: Connection, tenant: Tenant, name: str) -> Account:
    """Return an account of this tenant by any spelling of its name; raises `NotFound`."""
    row = row_of(connection, name)
    if row is None or row.tenant != tenant:
        raise NotFound(f"there is no account {name!r}")
    return of_row(row, held_by(connection, [row.id]).get(row.id, ()))


def row_of(connection: Connection, name: str) -> Row[Any] | None:
    """Return the whole row of an account, with its hash; None for a name that is nobody's."""
    form = folded(name)
    if form is None:
        return None
    return connection.execute(select(tables.accounts).where(tables.accounts.c.name == form)).one_or_none()


def name_of(connection: Connection, tenant: Tenant, id: str) -> str | None:
    """Return the name of an account of this tenant by its id."""
    mine = (tables.accounts.c.id == id) & (tables.accounts.c.tenant == tenant)
    return connection.execute(select(tables.accounts.c.name).where(mine)).scalar()


def roles_of(connection: Connection, account: str) -> list[str]:
    """Return the roles of an account, its own and those of its groups."""
    mine = select(tables.members.c.group_id).where(tables.members.c.account == account)
    held = or_(tables.grants.c.holder == account, tables.grants.c.holder.in_(mine))
    return sorted(set(connection.execute(select(tables.grants.c.role).where(held)).scalars()))


def custom_roles(connection: Connection, tenant: Tenant) -> Grants:
    """Return the roles that people of a tenant made, with what they grant."""
    mine = select(tables.roles).where(tables.roles.c.tenant == tenant)
    return {row.name: frozenset(row.permissions) for row in connection.execute(mine)}


def role_texts(connection: Connection, tenant: Tenant) -> dict[str, str]:
    """Return what each of them is for, in its maker's words."""
    mine = select(tables.roles).where(tables.roles.c.tenant == tenant)
    return {row.name: row.help for row in connection.execute(mine)}


def save_role(transaction: Connection, tenant: Tenant, name: str, help: str, permissions: Sequence[str]) -> None:
    """Make a role, or let it grant something else."""
    transaction.execute(delete(tables.roles).where(_role(tenant, name)))
    row = {"tenant": tenant, "name": name, "help": help, "permissions": sorted(set(permissions))}
    transaction.execute(insert(tables.roles).values(**row))


def drop_role(transaction: Connection, tenant: Tenant, name: str) -> None:
    """Delete a role and take it from whoever in its tenant holds it; raises `NotFound`."""
    if not transaction.execute(delete(tables.roles).where(_role(tenant, name))).rowcount:
        raise NotFound(f"there is no role {name!r} that somebody made")
    people = select(tables.accounts.c.id).where(tables.accounts.c.tenant == tenant)
    crews = select(tables.groups.c.id).where(tables.groups.c.tenant == tenant)
    theirs = or_(tables.grants.c.holder.in_(people), tables.grants.c.holder.in_(crews))
    transaction.execute(delete(tables.grants).where(tables.grants.c.role == name, theirs))


def _role(tenant: Tenant, name: str) -> ColumnElement[bool]:
    return (tables.roles.c.tenant == tenant) & (tables.roles.c.name == name)


def held_by(connection: Connection, holders: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the roles that accounts or groups hold themselves, by the id of the holder."""
    held: dict[str, tuple[str, ...]] = {}
    query = select(tables.grants).where(tables.grants.c.holder.in_(holders)).order_by(tables.grants.c.role)
    for row in connection.execute(query):
        held[row.holder] = (*held.get(row.holder, ()), row.role)
    return held


def of_row(row: Row[Any], roles: tuple[str, ...]) -> Account:
    """Return an account as a row of the table has it, and the roles that it holds itself."""
    return Account(
        id=Id(row.id),
        tenant=Tenant(row.tenant),
        name=row.name,
        email=row.email,
        kind=Kind(row.kind),
        disabled=row.disabled,
        created_ms=row.created_ms,
        roles=roles,
        second_factor=row.totp is not None,
    )
