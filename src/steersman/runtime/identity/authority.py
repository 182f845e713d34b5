"""What an account may do at this moment, from the database and nothing remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from steersman.model.ids import Tenant
from steersman.runtime.identity import accounts, tables, tenants
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.identity.roles import Standing, granted

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.service import Permission


@dataclass(frozen=True, slots=True)
class Power:
    """The roles of an account, its own and those of its groups, and what they grant in its tenant."""

    roles: frozenset[str]
    permissions: frozenset[Permission]


def power_of(connection: Connection, account: str, tenant: Tenant, standing: Standing) -> Power | None:
    """Return what an account of this tenant may do; None where the tenant is disabled."""
    if not tenants.is_open(connection, tenant):
        return None
    roles = frozenset(accounts.roles_of(connection, account))
    found = granted(roles, standing, accounts.custom_roles(connection, tenant))
    return Power(roles, standing.within(found, tenant))


def may_still(
    connection: Connection, account: str, permission: Permission, standing: Standing, *, programs: bool = False
) -> bool:
    """Tell whether somebody is let in now and has a permission; a service account only where `programs` says so."""
    row = connection.execute(select(tables.accounts).where(tables.accounts.c.id == account)).one_or_none()
    if row is None or row.disabled or (row.kind != Kind.PERSON and not programs):
        return False
    power = power_of(connection, account, Tenant(row.tenant), standing)
    return power is not None and not power.permissions.isdisjoint({permission, "*"})
