"""What the standing roles may do, derived from what the installed services declare.

A role names no permission, so a plug-in's permissions belong to the right roles on the day it is installed. The verb of
`service.thing.verb` says what a permission is: `read` looks, anything else changes something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from steersman.contract.service import Permission, Service
from steersman.model.ids import DEFAULT_TENANT, Tenant

Grants = Mapping[str, frozenset[Permission]]

EVERYTHING = frozenset({"*"})
#: The service whose permissions are about who may do what.
IDENTITY = "identity"
#: Services that watch over whoever operates: an operator may look, and change nothing there.
_WATCHING = (IDENTITY, "audit", "security", "secrets", "privacy")
#: Reading one of these is reading what was to stay hidden: for administrators, whatever its verb says.
_HIDDEN = frozenset({"secrets.value.read", "audit.personal.read"})
#: What decides about roles themselves; whoever has it could give themselves anything.
ROLES_WRITE: Permission = "identity.roles.write"
#: What concerns the keys that everybody's tokens are signed with, in every tenant.
INSTALLATION_WRITE: Permission = "identity.installation.write"
#: Who has which tenant, and who may act in another one than their own.
TENANTS_READ: Permission = "identity.tenants.read"
TENANTS_WRITE: Permission = "identity.tenants.write"
TENANTS_CROSS: Permission = "identity.tenants.cross"
_OF_ADMINS = frozenset({ROLES_WRITE, INSTALLATION_WRITE, TENANTS_WRITE, TENANTS_CROSS})


@dataclass(frozen=True, slots=True)
class Standing(Mapping[str, frozenset[Permission]]):
    """The permissions of each role that is always there, and which of all permissions a tenant's people may hold."""

    roles: Grants
    tenanted: frozenset[Permission] = frozenset()

    def __getitem__(self, role: str) -> frozenset[Permission]:
        return self.roles[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self.roles)

    def __len__(self) -> int:
        return len(self.roles)

    def within(self, permissions: frozenset[Permission], tenant: Tenant) -> frozenset[Permission]:
        """Return what is left of permissions in a tenant: outside of the installation's own, what is declared so.

        Everything is never everything there: not even an administrator of a tenant reaches the machine.
        """
        if tenant == DEFAULT_TENANT:
            return permissions
        return self.tenanted if "*" in permissions else permissions & self.tenanted


def standing_roles(services: Sequence[Service]) -> Standing:
    """Return the permissions of each role that is always there."""
    declared = frozenset(permission for service in services for permission in service.permissions)
    of_people = _of(declared, IDENTITY)
    looking = frozenset(permission for permission in declared - of_people - _HIDDEN if _verb(permission) == "read")
    shown = frozenset(page.permission for service in services for page in service.pages)
    roles = {
        "admin": EVERYTHING,
        "operator": looking | (declared - _of(declared, *_WATCHING)),
        "viewer": looking,
        # Whoever looks after people: gives out accounts, but defines no roles and operates nothing.
        "manager": looking | (of_people - _OF_ADMINS),
        # Whoever only uses the console: what its pages show.
        "user": shown & looking,
        # Somebody who is known, and may see nothing but their own account.
        "guest": frozenset(),
    }
    return Standing(roles, frozenset().union(*(service.tenanted for service in services)) & declared)


def granted(roles: Iterable[str], standing: Grants, custom: Grants) -> frozenset[Permission]:
    """Return all that these roles grant; a role that is gone grants nothing."""
    found: frozenset[Permission] = frozenset()
    for role in roles:
        found |= standing[role] if role in standing else custom.get(role, frozenset())
    return found


def beyond(wanted: Iterable[Permission], own: frozenset[Permission]) -> list[Permission]:
    """Return what of this somebody with these permissions does not have, and so cannot hand on."""
    return [] if "*" in own else sorted(set(wanted) - own)


def narrowed(own: frozenset[Permission], scopes: Iterable[Permission]) -> frozenset[Permission]:
    """Return what is left of somebody's permissions under these scopes."""
    wanted = frozenset(scopes)
    if "*" in wanted:
        return own
    return wanted if "*" in own else own & wanted


def _of(permissions: Iterable[Permission], *services: str) -> frozenset[Permission]:
    return frozenset(permission for permission in permissions if permission.partition(".")[0] in services)


def _verb(permission: Permission) -> str:
    return permission.rpartition(".")[2]
