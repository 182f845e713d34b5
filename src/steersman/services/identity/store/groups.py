"""Groups: who is in them, and which roles they all hold. A group hands on a role, so the same reach holds for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steersman.runtime.identity import groups
from steersman.runtime.identity.groups import Group
from steersman.runtime.identity.names import checked_name
from steersman.runtime.identity.retractions import About
from steersman.services.identity.store.reach import Reach

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Groups(Reach):
    """Changes groups on behalf of a caller. Every method blocks."""

    def save_group(self, name: str, roles: Sequence[str], members: Sequence[str] | None) -> None:
        """Make a group or change it; who is in it stays where no members are given."""
        form, tenant = checked_name(name), self.tenant
        with self.keeping_an_admin(tenant) as transaction:
            before = [one for one in groups.list_groups(transaction, tenant) if one.name == form]
            already = [member for one in before for member in one.members]
            wanted = already if members is None else members
            for held in (roles, *(one.roles for one in before)):
                self.check_roles(transaction, held)
            for member in {*wanted, *already}:
                self.within_reach(transaction, member)
            group = Group(self.identity.ports.ids.new(), tenant, form, tuple(roles), tuple(wanted))
            groups.save_group(transaction, group)
            told = {"roles": sorted(set(roles)), "members": sorted(set(wanted))}
            self.tell(transaction, "identity.group.changed", form, told)
            self.take(transaction, About.TENANT, tenant)
        self.forget(About.TENANT, tenant)

    def put_in(self, name: str, member: str) -> Group:
        """Let somebody into a group, with all that it holds; whoever is in it already stays. Raises `NotFound`."""
        return self._with_member(name, member, inside=True)

    def take_out(self, name: str, member: str) -> Group:
        """Take somebody out of a group; raises `NotFound`."""
        return self._with_member(name, member, inside=False)

    def _with_member(self, name: str, member: str, *, inside: bool) -> Group:
        tenant = self.tenant
        with self.keeping_an_admin(tenant) as transaction:
            group = self._group_within_reach(transaction, name)
            account = self.within_reach(transaction, member)
            change = groups.put_in if inside else groups.take_out
            if change(transaction, group.id, account.id):
                told = {"in" if inside else "out": account.name}
                self.tell(transaction, "identity.group.changed", group.name, told)
                self.take(transaction, About.ACCOUNT, account.id)
            changed = groups.the_group(transaction, tenant, group.name)
        self.forget(About.ACCOUNT, account.id)
        return changed

    def drop_group(self, name: str) -> None:
        """Delete a group; its members lose what they held by it. Raises `NotFound`."""
        tenant = self.tenant
        with self.keeping_an_admin(tenant) as transaction:
            group = self._group_within_reach(transaction, name)
            for member in group.members:
                self.within_reach(transaction, member)
            groups.drop_group(transaction, group.id)
            self.tell(transaction, "identity.group.changed", group.name, {"roles": [], "members": [], "gone": True})
            self.take(transaction, About.TENANT, tenant)
        self.forget(About.TENANT, tenant)

    def _group_within_reach(self, connection: Connection, name: str) -> Group:
        group = groups.the_group(connection, self.tenant, checked_name(name))
        self.check_roles(connection, group.roles)
        return group
