"""Roles of one's own: what they grant, for everybody who holds them. Standing ones are nobody's to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steersman.model.errors import Conflict
from steersman.runtime.identity import accounts
from steersman.runtime.identity.retractions import About
from steersman.services.identity.store.reach import Reach


@dataclass(frozen=True, slots=True)
class Roles(Reach):
    """Makes and deletes roles on behalf of a caller. Every method blocks."""

    def save_role(self, name: str, help: str, permissions: Sequence[str]) -> None:
        """Make a role or change it, for everybody who holds it."""
        if name in self.identity.standing:
            raise Conflict(f"{name} is a standing role: it follows from what the services declare")
        permissions, tenant = self.meant(permissions), self.tenant
        self.demand_own(permissions)
        with self.keeping_an_admin(tenant) as transaction:
            self.demand_own(accounts.custom_roles(transaction, tenant).get(name, ()))
            accounts.save_role(transaction, tenant, name, help, permissions)
            self.tell(transaction, "identity.role.changed", name, {"permissions": sorted(set(permissions))})
            self.take(transaction, About.TENANT, tenant)
        self.forget(About.TENANT, tenant)

    def drop_role(self, name: str) -> None:
        """Delete a role; raises `NotFound`, also for a standing one."""
        tenant = self.tenant
        with self.keeping_an_admin(tenant) as transaction:
            self.demand_own(accounts.custom_roles(transaction, tenant).get(name, ()))
            accounts.drop_role(transaction, tenant, name)
            self.tell(transaction, "identity.role.changed", name, {"permissions": []})
            self.take(transaction, About.TENANT, tenant)
        self.forget(About.TENANT, tenant)
