"""The administration of identity: accounts, groups, roles, keys and tenants."""

from __future__ import annotations

from steersman.runtime.identity.roles import (
    INSTALLATION_WRITE,
    ROLES_WRITE,
    TENANTS_CROSS,
    TENANTS_READ,
    TENANTS_WRITE,
)
from steersman.services.identity.web import groups, keys, people, roles, tenants
from steersman.services.identity.web.acting import KEYS_READ, KEYS_WRITE, USERS_READ, USERS_WRITE
from steersman.services.identity.web.page import PAGES

PERMISSIONS = {
    USERS_READ: "See accounts, groups and roles.",
    USERS_WRITE: "Add, change and disable accounts and groups, and set passwords, within one's own permissions.",
    ROLES_WRITE: "Make and change roles of one's own, and register programs of third parties.",
    KEYS_READ: "See which API keys an account has.",
    KEYS_WRITE: "Make and revoke API keys, within one's own permissions.",
    TENANTS_READ: "See which tenants there are.",
    TENANTS_WRITE: "Add, rename and disable tenants.",
    TENANTS_CROSS: "Administer accounts of other tenants, within one's own permissions.",
    INSTALLATION_WRITE: "Rotate the signing keys and take back the key in the data directory.",
}
#: What the people of every tenant may hold: accounts, groups, roles and keys are looked up in the caller's tenant.
TENANTED = frozenset({USERS_READ, USERS_WRITE, ROLES_WRITE, KEYS_READ, KEYS_WRITE})
#: Asked for by the house's own operations, and inside of those above.
USED_WITHIN = frozenset({TENANTS_CROSS, INSTALLATION_WRITE})
ROUTES = (*people.ROUTES, *groups.ROUTES, *roles.ROUTES, *keys.ROUTES, *tenants.ROUTES)
__all__ = ["PAGES", "PERMISSIONS", "ROUTES", "TENANTED", "USED_WITHIN"]
