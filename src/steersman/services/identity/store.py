"""What administration changes, each in one transaction with its entry in the journal.

Nobody can hand on what they do not have themselves: not by a role, a group, a key or somebody else's password. An
account that may do more than the caller is out of the caller's reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steersman.contract.aliases import Aliases, without_aliases
from steersman.contract.ports import Caller, JournalEntry
from steersman.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.identity import accounts, apikeys, sessions, tenants
from steersman.runtime.identity.accounts import Account, Group, Kind
from steersman.runtime.identity.apikeys import KeyRecord
from steersman.runtime.identity.first import has_admin
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.names import checked_name
from steersman.runtime.identity.roles import TENANTS_CROSS, beyond, granted
from steersman.runtime.identity.tenants import TenantRecord

if TYPE_CHECKING:
    from sqlalchemy import Connection

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Administration:
    """Changes accounts on behalf of a caller. Every method blocks."""

    identity: Identity
    declared: frozenset[str]
    caller: Caller
    aliases: Aliases = field(default_factory=dict)
    crossing: str = ""

    @property
    def tenant(self) -> Tenant:
        """Whose accounts these are: the caller's tenant, or another one for who may cross into it."""
        if self.crossing in {"", self.caller.tenant}:
            return self.caller.tenant
        if self.caller.tenant != DEFAULT_TENANT:
            # There is no other tenant for whoever belongs to one.
            raise NotFound(f"there is no tenant {self.crossing!r}")
        self.caller.demand(TENANTS_CROSS)
        with self.identity.ports.database.reading() as connection:
            return tenants.the_tenant(connection, self.crossing).id

    def add(self, name: str, email: str, kind: Kind, password: str | None, roles: Sequence[str]) -> Account:
        """Add an account; raises `InvalidInput` for a name, password or role that is not accepted."""
        if (password is None) is (kind is Kind.PERSON):
            raise InvalidInput("a person has a password, and a service account has none")
        tenant = self.tenant
        ids, form = self.identity.ports.ids, checked_name(name)
        hashed = None if password is None else self.identity.passwords.chosen(password, form, email)
        created_ms = self.identity.now_ms()
        account = Account(ids.new(), tenant, form, email, kind, False, created_ms, tuple(sorted(set(roles))))
        with self.identity.ports.database.transaction() as transaction:
            self._check_roles(transaction, roles)
            accounts.add_account(transaction, account, hashed)
            self._tell(transaction, "identity.account.added", account.id, {"name": form, "roles": list(account.roles)})
        return account

    def change(
        self, name: str, *, disabled: bool | None = None, email: str | None = None, roles: Sequence[str] | None = None
    ) -> Account:
        """Change an account; one that is disabled is out at once, with all its sessions and keys."""
        tenant = self.tenant
        with self._keeping_an_admin(tenant) as transaction:
            account = self._within_reach(transaction, name)
            wanted = {"disabled": disabled, "email": email}
            values = {column: value for column, value in wanted.items() if value is not None}
            if values:
                accounts.change_account(transaction, account.id, **values)
            if roles is not None:
                self._check_roles(transaction, roles)
                accounts.set_roles(transaction, account.id, roles)
            if disabled:
                sessions.end_all(transaction, account.id, "the account was disabled", self.identity.now_ms())
            told = {**values, **({} if roles is None else {"roles": sorted(set(roles))})}
            self._tell(transaction, "identity.account.changed", account.id, told)
            changed = accounts.the_account(transaction, tenant, name)
        self.identity.forget_account(account.id)
        return changed

    def drop_factor(self, name: str) -> None:
        """Ask an account for no code any more, when its owner has lost both the device and the recovery codes."""
        with self.identity.ports.database.transaction() as transaction:
            account = self._within_reach(transaction, name)
            self.identity.factor.switch_off(transaction, account.id)
            self._tell(transaction, "identity.factor.changed", account.id, {"on": False})

    def set_password(self, name: str, password: str) -> None:
        """Give a person another password; all their sessions end, and a second factor stays."""
        with self.identity.ports.database.reading() as connection:
            account = self._within_reach(connection, name)
        if account.kind is not Kind.PERSON:
            raise Conflict("a service account has no password: make it an API key")
        hashed = self.identity.passwords.chosen(password, account.name, account.email)
        with self.identity.ports.database.transaction() as transaction:
            self._within_reach(transaction, name)
            accounts.change_account(transaction, account.id, password=hashed)
            sessions.end_all(transaction, account.id, "the password was set anew", self.identity.now_ms())
            self._tell(transaction, "identity.password.changed", account.id, {})
        self.identity.forget_account(account.id)

    def save_role(self, name: str, help: str, permissions: Sequence[str]) -> None:
        """Make a role or change it, for everybody who holds it."""
        if name in self.identity.standing:
            raise Conflict(f"{name} is a standing role: it follows from what the services declare")
        permissions, tenant = without_aliases(permissions, self.aliases), self.tenant
        unknown = sorted(set(permissions) - self.declared - {"*"})
        if unknown:
            raise InvalidInput(f"no installed service declares the permission {unknown[0]}")
        self._demand_own(permissions)
        with self._keeping_an_admin(tenant) as transaction:
            self._demand_own(accounts.custom_roles(transaction, tenant).get(name, ()))
            accounts.save_role(transaction, tenant, name, help, permissions)
            self._tell(transaction, "identity.role.changed", name, {"permissions": sorted(set(permissions))})
        self.identity.admission.forget(lambda caller: caller.tenant == tenant)

    def drop_role(self, name: str) -> None:
        """Delete a role; raises `NotFound`, also for a standing one."""
        tenant = self.tenant
        with self._keeping_an_admin(tenant) as transaction:
            self._demand_own(accounts.custom_roles(transaction, tenant).get(name, ()))
            accounts.drop_role(transaction, tenant, name)
            self._tell(transaction, "identity.role.changed", name, {"permissions": []})
        self.identity.admission.forget(lambda _caller: True)

    def save_group(self, name: str, roles: Sequence[str], members: Sequence[str]) -> None:
        """Make a group or change it."""
        form, tenant = checked_name(name), self.tenant
        group = Group(self.identity.ports.ids.new(), tenant, form, tuple(roles), tuple(members))
        with self._keeping_an_admin(tenant) as transaction:
            before = [one for one in accounts.list_groups(transaction, tenant) if one.name == form]
            for held in (roles, *(one.roles for one in before)):
                self._check_roles(transaction, held)
            for member in {*members, *(one for group_before in before for one in group_before.members)}:
                self._within_reach(transaction, member)
            accounts.save_group(transaction, group)
            told = {"roles": sorted(set(roles)), "members": sorted(set(members))}
            self._tell(transaction, "identity.group.changed", form, told)
        self.identity.admission.forget(lambda _caller: True)

    def drop_group(self, name: str) -> None:
        """Delete a group; its members lose what they held by it. Raises `NotFound`."""
        form, tenant = checked_name(name), self.tenant
        with self._keeping_an_admin(tenant) as transaction:
            for one in accounts.list_groups(transaction, tenant):
                if one.name == form:
                    self._check_roles(transaction, one.roles)
                    for member in one.members:
                        self._within_reach(transaction, member)
            accounts.drop_group(transaction, tenant, form)
            self._tell(transaction, "identity.group.changed", form, {"roles": [], "members": [], "gone": True})
        self.identity.admission.forget(lambda _caller: True)

    def make_key(self, name: str, label: str, scopes: Sequence[str], days: int) -> tuple[str, str]:
        """Make an API key for an account and return its id and the key."""
        scopes = without_aliases(scopes, self.aliases)
        self._demand_own(scopes)
        now_ms, made = self.identity.now_ms(), self.identity.ports.ids.new()
        with self.identity.ports.database.transaction() as transaction:
            account = self._within_reach(transaction, name)
            key = apikeys.make(transaction, made, account.id, label, scopes, now_ms, now_ms + days * _DAY_MS)
            told = {"account": account.id, "scopes": sorted(set(scopes)), "days": days}
            self._tell(transaction, "identity.key.made", made, told)
        return made, key

    def keys_of(self, name: str) -> list[KeyRecord]:
        """Return the keys of an account."""
        with self.identity.ports.database.reading() as connection:
            account = accounts.the_account(connection, self.tenant, name)
            return apikeys.list_keys(connection, account.id)

    def revoke_key(self, id: str) -> None:
        """End a key at once; raises `NotFound` where there is no living one within reach."""
        with self.identity.ports.database.transaction() as transaction:
            owner = apikeys.owner_of(transaction, id) if id.isprintable() else None
            known: dict[str | None, str] = {
                one.id: one.name for one in accounts.list_accounts(transaction, self.tenant)
            }
            if owner not in known:
                raise NotFound(f"there is no key {id!r}")
            self._within_reach(transaction, known[owner])
            if not apikeys.revoke(transaction, id, self.identity.now_ms()):
                raise NotFound(f"the key {id!r} is revoked already")
            self._tell(transaction, "identity.key.revoked", id, {"account": owner})
        self.identity.admission.forget(lambda caller: caller.key == id)

    @contextmanager
    def _keeping_an_admin(self, tenant: Tenant) -> Iterator[Connection]:
        """Open a transaction that is refused where it would leave a tenant without the administrator that it has.

        Two at once wait for each other: neither of the last two may put out the other.
        """
        with self.identity.ports.database.transaction() as transaction:
            tenants.hold(transaction, tenant)
            before = has_admin(transaction, tenant)
            yield transaction
            if before and not has_admin(transaction, tenant):
                raise Conflict("this would leave nobody who administers: give the role admin to another person first")

    def _within_reach(self, connection: Connection, name: str) -> Account:
        """Return an account that may do nothing which the caller may not."""
        account = accounts.the_account(connection, self.tenant, name)
        self._demand_own(self._power(connection, accounts.roles_of(connection, account.id)))
        return account

    def _check_roles(self, connection: Connection, roles: Iterable[str]) -> None:
        custom = accounts.custom_roles(connection, self.tenant)
        for role in roles:
            if role not in self.identity.standing and role not in custom:
                known = ", ".join(sorted({*self.identity.standing, *custom}))
                raise InvalidInput(f"there is no role {role!r}; there are {known}")
        self._demand_own(self._power(connection, roles))

    def _power(self, connection: Connection, roles: Iterable[str]) -> frozenset[str]:
        """Return what these roles grant in the tenant that this is about."""
        found = granted(roles, self.identity.standing, accounts.custom_roles(connection, self.tenant))
        return self.identity.standing.within(found, self.tenant)

    def _demand_own(self, permissions: Iterable[str]) -> None:
        wanted = set(permissions)
        if "*" in wanted:
            # In a tenant this is all that its people may ever hold.
            wanted = wanted - {"*"} | self.identity.standing.within(frozenset({"*"}), self.tenant)
        if more := beyond(wanted, self.caller.permissions):
            raise Forbidden(f"this is about {more[0]}, which you do not have yourself")

    def _tell(self, transaction: Connection, type: str, subject: str, payload: Mapping[str, Any]) -> None:
        ports = self.identity.ports
        entry = JournalEntry(
            ports.ids.new(), ports.clock.wall_ns(), self.tenant, self.caller.subject, type, subject, payload
        )
        ports.journal.append(transaction, [entry])


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
            if values:
                tenants.change(transaction, tenant, **values)
                self._tell(transaction, "identity.tenant.changed", tenant, values)
            changed = tenants.the_tenant(transaction, tenant)
        self.identity.admission.forget(lambda caller: caller.tenant == tenant)
        return changed

    def _tell(self, transaction: Connection, type: str, subject: str, payload: Mapping[str, Any]) -> None:
        ports = self.identity.ports
        now_ns, actor = ports.clock.wall_ns(), self.caller.subject
        entry = JournalEntry(ports.ids.new(), now_ns, DEFAULT_TENANT, actor, type, subject, payload)
        ports.journal.append(transaction, [entry])
