"""Accounts: adding, changing, inviting, and the sessions of others; each change with its entry in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steersman.model.errors import Conflict, InvalidInput, NotFound
from steersman.runtime.identity import accounts, invitations, listing, sessions
from steersman.runtime.identity.accounts import Account, Kind
from steersman.runtime.identity.listing import Listed, Wanted
from steersman.runtime.identity.names import checked_name
from steersman.runtime.identity.retractions import About
from steersman.services.identity.store.reach import Reach

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True)
class People(Reach):
    """Changes accounts on behalf of a caller. Every method blocks."""

    def page(self, wanted: Wanted) -> tuple[list[Listed], int]:
        """Return a part of the accounts, and how many there are of that kind on all pages."""
        tenant = self.tenant
        with self.identity.ports.database.reading() as connection:
            found = listing.page_of(connection, tenant, wanted, self.identity.now_ms())
            return found, listing.count_of(connection, tenant, wanted)

    def one(self, name: str) -> Listed:
        """Return one account with what belongs to it; raises `NotFound`."""
        tenant = self.tenant
        with self.identity.ports.database.reading() as connection:
            found = listing.the_listed(connection, tenant, name, self.identity.now_ms())
        if found is None:
            raise NotFound(f"there is no account {name!r}")
        return found

    def add(self, name: str, email: str, kind: Kind, password: str | None, roles: Sequence[str]) -> Account:
        """Add an account; raises `InvalidInput` for a name, password or role that is not accepted."""
        if (password is None) is (kind is Kind.PERSON):
            raise InvalidInput("a person has a password or an invitation, and a service account has neither")
        form = checked_name(name)
        hashed = None if password is None else self.identity.passwords.chosen(password, form, email)
        with self.identity.ports.database.transaction() as transaction:
            return self._added(transaction, form, email, kind, hashed, roles)

    def add_invited(self, name: str, email: str, roles: Sequence[str]) -> tuple[Account, str]:
        """Add a person who chooses their password themselves, and return the token of their invitation."""
        with self.identity.ports.database.transaction() as transaction:
            account = self._added(transaction, checked_name(name), email, Kind.PERSON, None, roles)
            return account, self._invited(transaction, account)

    def invite(self, name: str) -> str:
        """Return the token with which a person chooses another password; the one they have holds until then."""
        with self.identity.ports.database.transaction() as transaction:
            account = self.within_reach(transaction, name)
            if account.kind is not Kind.PERSON:
                raise Conflict("a service account has no password: make it an API key")
            if account.disabled:
                raise Conflict("this account is disabled: enable it first")
            return self._invited(transaction, account)

    def change(
        self, name: str, *, disabled: bool | None = None, email: str | None = None, roles: Sequence[str] | None = None
    ) -> Account:
        """Change an account; one that is disabled is out at once, with all its sessions and keys."""
        tenant = self.tenant
        with self.keeping_an_admin(tenant) as transaction:
            account = self.within_reach(transaction, name)
            wanted = {"disabled": disabled, "email": email}
            values = {column: value for column, value in wanted.items() if value is not None}
            if values:
                accounts.change_account(transaction, account.id, **values)
            if roles is not None:
                self.check_roles(transaction, roles)
                accounts.set_roles(transaction, account.id, roles)
            if disabled:
                sessions.end_all(transaction, account.id, "the account was disabled", self.identity.now_ms())
                invitations.withdraw(transaction, account.id)
            told = {**values, **({} if roles is None else {"roles": sorted(set(roles))})}
            self.tell(transaction, "identity.account.changed", account.id, told)
            self.take(transaction, About.ACCOUNT, account.id)
            changed = accounts.the_account(transaction, tenant, name)
        self.forget(About.ACCOUNT, account.id)
        return changed

    def drop_factor(self, name: str) -> None:
        """Ask an account for no code any more, when its owner has lost both the device and the recovery codes."""
        with self.identity.ports.database.transaction() as transaction:
            account = self.within_reach(transaction, name)
            self.identity.factor.switch_off(transaction, account.id)
            self.tell(transaction, "identity.factor.changed", account.id, {"on": False})

    def set_password(self, name: str, password: str) -> None:
        """Give a person another password; all their sessions end, and a second factor stays."""
        with self.identity.ports.database.reading() as connection:
            account = self.within_reach(connection, name)
        if account.kind is not Kind.PERSON:
            raise Conflict("a service account has no password: make it an API key")
        hashed = self.identity.passwords.chosen(password, account.name, account.email)
        with self.identity.ports.database.transaction() as transaction:
            self.within_reach(transaction, name)
            accounts.change_account(transaction, account.id, password=hashed)
            invitations.withdraw(transaction, account.id)
            sessions.end_all(transaction, account.id, "the password was set anew", self.identity.now_ms())
            self.tell(transaction, "identity.password.changed", account.id, {})
        self.forget(About.ACCOUNT, account.id)

    def sessions_of(self, name: str) -> list[Row[Any]]:
        """Return the living sessions of an account within reach."""
        with self.identity.ports.database.reading() as connection:
            account = self.within_reach(connection, name)
            return sessions.list_sessions(connection, account.id, self.identity.now_ms())

    def end_sessions_of(self, name: str, *, only: str = "") -> int:
        """End every session of an account within reach, or one of them, and return how many; raises `NotFound`."""
        now_ms, why = self.identity.now_ms(), f"ended by {self.caller.subject}"
        with self.identity.ports.database.transaction() as transaction:
            account = self.within_reach(transaction, name)
            living = [row.id for row in sessions.list_sessions(transaction, account.id, now_ms)]
            ended = [one for one in living if not only or one == only]
            if only and not ended:
                raise NotFound(f"{account.name} has no such session")
            for one in ended:
                sessions.end(transaction, one, why, now_ms)
                self.tell(transaction, "identity.session.ended", one, {"why": why})
        self.identity.admission.forget(lambda one: one.session in ended)
        return len(ended)

    def _added(
        self, transaction: Connection, name: str, email: str, kind: Kind, hashed: str | None, roles: Sequence[str]
    ) -> Account:
        made, now_ms = self.identity.ports.ids.new(), self.identity.now_ms()
        account = Account(made, self.tenant, name, email, kind, False, now_ms, tuple(sorted(set(roles))))
        self.check_roles(transaction, roles)
        accounts.add_account(transaction, account, hashed)
        self.tell(transaction, "identity.account.added", account.id, {"name": name, "roles": list(account.roles)})
        return account

    def _invited(self, transaction: Connection, account: Account) -> str:
        self.tell(transaction, "identity.account.invited", account.id, {})
        return invitations.invite(transaction, account.id, self.caller, self.identity.now_ms())
