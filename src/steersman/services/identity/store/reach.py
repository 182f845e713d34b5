"""How far somebody reaches who administers accounts.

Nobody can hand on what they do not have themselves: not by a role, a group, a key or somebody else's password. An
account that may do more than the caller is out of the caller's reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from steersman.contract.aliases import Aliases, without_aliases
from steersman.contract.ports import Caller, JournalEntry
from steersman.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.runtime.identity import accounts, tenants
from steersman.runtime.identity.accounts import Account
from steersman.runtime.identity.first import has_admin
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.retractions import About, Retraction, retract
from steersman.runtime.identity.roles import TENANTS_CROSS, beyond, granted

if TYPE_CHECKING:
    from sqlalchemy import Connection


def crossed(identity: Identity, caller: Caller, named: str) -> Tenant | None:
    """Return the other tenant that a caller named, None for their own; raises `NotFound` or `Forbidden`. Blocks."""
    if named in {"", caller.tenant}:
        return None
    if caller.tenant != DEFAULT_TENANT:
        # There is no other tenant for whoever belongs to one.
        raise NotFound(f"there is no tenant {named!r}")
    caller.demand(TENANTS_CROSS)
    with identity.ports.database.reading() as connection:
        return tenants.the_tenant(connection, named).id


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose accounts a caller changes, and what of them they may. `elsewhere` is what `crossed` returned."""

    identity: Identity
    declared: frozenset[str]
    caller: Caller
    aliases: Aliases = field(default_factory=dict)
    elsewhere: Tenant | None = None

    @property
    def tenant(self) -> Tenant:
        """Whose accounts these are: the caller's tenant, or another one that they may cross into."""
        return self.elsewhere or self.caller.tenant

    def reaches(self, connection: Connection, account: Account) -> bool:
        """Tell whether an account may do nothing which the caller may not."""
        return not self._beyond(self._power(connection, accounts.roles_of(connection, account.id)))

    def offered(self, connection: Connection) -> dict[str, bool]:
        """Return every role there is here, and whether the caller could give it."""
        standing, tenant = self.identity.standing, self.tenant
        custom = accounts.custom_roles(connection, tenant)
        powers = {name: granted([name], standing, custom) for name in (*standing, *sorted(custom))}
        return {name: not self._beyond(standing.within(power, tenant)) for name, power in powers.items()}

    @contextmanager
    def keeping_an_admin(self, tenant: Tenant) -> Iterator[Connection]:
        """Open a transaction that is refused where it would leave a tenant without the administrator that it has.

        Two at once wait for each other: neither of the last two may put out the other.
        """
        with self.identity.ports.database.transaction() as transaction:
            tenants.hold(transaction, tenant)
            before = has_admin(transaction, tenant)
            yield transaction
            if before and not has_admin(transaction, tenant):
                raise Conflict("this would leave nobody who administers: give the role admin to another person first")

    def within_reach(self, connection: Connection, name: str) -> Account:
        """Return an account that may do nothing which the caller may not."""
        account = accounts.the_account(connection, self.tenant, name)
        self.demand_own(self._power(connection, accounts.roles_of(connection, account.id)))
        return account

    def check_roles(self, connection: Connection, roles: Iterable[str]) -> None:
        """Raise `InvalidInput` for a role that is not there, `Forbidden` for one that the caller cannot hand on."""
        custom = accounts.custom_roles(connection, self.tenant)
        for role in roles:
            if role not in self.identity.standing and role not in custom:
                known = ", ".join(sorted({*self.identity.standing, *custom}))
                raise InvalidInput(f"there is no role {role!r}; there are {known}")
        self.demand_own(self._power(connection, roles))

    def meant(self, names: Iterable[str]) -> list[str]:
        """Return the permissions that these names stand for; raises `InvalidInput` with the nearest that there are."""
        found = without_aliases(names, self.aliases)
        for name in found:
            if name != "*" and name not in self.declared:
                near = get_close_matches(name, sorted(self.declared), n=3, cutoff=0.5)
                hint = f": did you mean {', '.join(near)}?" if near else ""
                raise InvalidInput(
                    f"no installed service declares the permission {name!r}, as service.thing.verb{hint}"
                )
        return found

    def demand_own(self, permissions: Iterable[str]) -> None:
        """Raise `Forbidden` unless the caller has all of this."""
        if more := self._beyond(permissions):
            raise Forbidden(f"this is about {more[0]}, which you do not have yourself")

    def take(self, transaction: Connection, about: About, of: str = "") -> None:
        """Tell the other processes, with this transaction, from whom something is taken away."""
        retract(transaction, Retraction(about, of))

    def forget(self, about: About, of: str = "") -> None:
        """Let it hold in this process at once, now that it is committed."""
        self.identity.admission.forget(Retraction(about, of).reaches)

    def tell(self, transaction: Connection, type: str, subject: str, payload: Mapping[str, Any]) -> None:
        """Write into the journal what was changed."""
        ports = self.identity.ports
        entry = JournalEntry(
            ports.ids.new(), ports.clock.wall_ns(), self.tenant, self.caller.subject, type, subject, payload
        )
        ports.journal.append(transaction, [entry])

    def _power(self, connection: Connection, roles: Iterable[str]) -> frozenset[str]:
        """Return what these roles grant in the tenant that this is about."""
        found = granted(roles, self.identity.standing, accounts.custom_roles(connection, self.tenant))
        return self.identity.standing.within(found, self.tenant)

    def _beyond(self, permissions: Iterable[str]) -> list[str]:
        wanted = set(permissions)
        if "*" in wanted:
            # In a tenant this is all that its people may ever hold.
            wanted = wanted - {"*"} | self.identity.standing.within(frozenset({"*"}), self.tenant)
        return beyond(wanted, self.caller.permissions)
