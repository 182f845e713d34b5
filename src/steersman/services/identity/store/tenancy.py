"""Tenants, for whoever looks after the installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import Caller, JournalEntry
from steersman.model.errors import Conflict
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.identity import tenants
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.retractions import About, Retraction, retract
from steersman.runtime.identity.tenants import TenantRecord

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Adds and changes tenants on behalf of somebody of the installation. Every method blocks."""

    identity: Identity
    caller: Caller

    def add(self, id: Tenant, title: str) -> TenantRecord:
        """Add a tenant; raises `Conflict` for one that is there."""
        record = TenantRecord(id, title, False, self.identity.now_ms())
        with self.identity.ports.database.transaction() as transaction:
            tenants.add(transaction, record)
            self._tell(transaction, "identity.tenant.added", id, {"title": title})
        return record

    def change(self, id: str, *, title: str | None = None, disabled: bool | None = None) -> TenantRecord:
        """Call a tenant something else, or let nobody of it in, at once; raises `Conflict` for the installation's."""
        if id == DEFAULT_TENANT and disabled:
            raise Conflict("the installation's own tenant cannot be disabled: nobody could enable it again")
        wanted = {"title": title, "disabled": disabled}
        values = {column: value for column, value in wanted.items() if value is not None}
        with self.identity.ports.database.transaction() as transaction:
            tenant = tenants.the_tenant(transaction, id).id
            gone = Retraction(About.TENANT, tenant)
            if values:
                tenants.change(transaction, tenant, **values)
                retract(transaction, gone)
                self._tell(transaction, "identity.tenant.changed", tenant, values)
            changed = tenants.the_tenant(transaction, tenant)
        self.identity.admission.forget(gone.reaches)
        return changed

    def _tell(self, transaction: Connection, type: str, subject: str, payload: Mapping[str, Any]) -> None:
        ports = self.identity.ports
        now_ns, actor = ports.clock.wall_ns(), self.caller.subject
        entry = JournalEntry(ports.ids.new(), now_ns, DEFAULT_TENANT, actor, type, subject, payload)
        ports.journal.append(transaction, [entry])
