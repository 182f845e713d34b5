"""Who acts for a caller, and the names of what that needs."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from steersman.contract.aliases import alias_table
from steersman.contract.ports import Context
from steersman.contract.service import Permission
from steersman.runtime.house import House
from steersman.runtime.identity.identity import Identity
from steersman.services.identity.store import Administration
from steersman.services.identity.store.reach import crossed

USERS_READ: Permission = "identity.users.read"
USERS_WRITE: Permission = "identity.users.write"
KEYS_READ: Permission = "identity.keys.read"
KEYS_WRITE: Permission = "identity.keys.write"

#: What an operation that looks somebody or something up by name may answer.
ERRORS = (400, 404, 409)

#: Another tenant than one's own, for whoever may cross; everybody else may leave it out.
Elsewhere = Annotated[str, Query(alias="tenant", max_length=40, description="For who may act in other tenants.")]


def administration(ctx: Context, elsewhere: str = "") -> Administration:
    """Return what acts for this caller, in their tenant or in the one that they named."""
    services = ctx.ports.get(House).services
    declared = frozenset(permission for service in services for permission in service.permissions)
    identity = ctx.ports.get(Identity)
    other = crossed(identity, ctx.caller, elsewhere)
    return Administration(identity, declared, ctx.caller, alias_table(services), other)
