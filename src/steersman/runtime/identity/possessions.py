"""What administrators see of other people's sign-ins, and what people make for their own programs: API keys.

Nobody reaches an account that may do more than they do, and nobody's key reaches further than they do themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.model.errors import Forbidden, NotFound
from steersman.model.ids import Id
from steersman.runtime.identity import accounts, apikeys, sessions
from steersman.runtime.identity.accounts import Account
from steersman.runtime.identity.admission import Admission
from steersman.runtime.identity.apikeys import KeyRecord
from steersman.runtime.identity.roles import Standing, beyond, granted

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Possessions:
    """Sessions of others, and keys of one's own. Every method blocks."""

    ports: Ports
    admission: Admission
    standing: Standing

    def sessions_of(self, caller: Caller, name: str) -> list[Row[Any]]:
        """Return the living sessions of an account within reach."""
        with self.ports.database.reading() as connection:
            account = self._within_reach(connection, caller, name)
            return sessions.list_sessions(connection, account.id, self._now_ms())

    def end_sessions_of(self, caller: Caller, name: str) -> int:
        """End every session of an account within reach; return how many."""
        with self.ports.database.transaction() as transaction:
            account = self._within_reach(transaction, caller, name)
            why = f"ended by {caller.subject}"
            ended = sessions.end_all(transaction, account.id, why, self._now_ms())
            for one in ended:
                self._tell(transaction, caller, "identity.session.ended", one, {"why": why})
        self.admission.forget(lambda one: one.session in ended)
        return len(ended)

    def own_keys(self, caller: Caller) -> list[KeyRecord]:
        """Return a caller's own keys."""
        with self.ports.database.reading() as connection:
            return apikeys.list_keys(connection, caller.account)

    def make_key(self, caller: Caller, label: str, scopes: Sequence[str], days: int) -> tuple[str, str]:
        """Make a key for a caller's own programs and return its id and the key, for the only time."""
        if more := beyond(scopes, caller.permissions):
            raise Forbidden(f"this is about {more[0]}, which you do not have yourself")
        made, now_ms = self.ports.ids.new(), self._now_ms()
        with self.ports.database.transaction() as transaction:
            expires_ms = now_ms + days * _DAY_MS
            key = apikeys.make(transaction, made, Id(caller.account), label, scopes, now_ms, expires_ms)
            told = {"account": caller.account, "scopes": sorted(set(scopes)), "days": days}
            self._tell(transaction, caller, "identity.key.made", made, told)
        return made, key

    def revoke_key(self, caller: Caller, id: str) -> None:
        """End one of a caller's own keys; raises `NotFound` for any other."""
        with self.ports.database.transaction() as transaction:
            mine = id.isprintable() and apikeys.owner_of(transaction, id) == caller.account
            if not mine or not apikeys.revoke(transaction, id, self._now_ms()):
                raise NotFound("you have no such key")
            self._tell(transaction, caller, "identity.key.revoked", id, {"account": caller.account})
        self.admission.forget(lambda one: one.key == id)

    def _within_reach(self, connection: Connection, caller: Caller, name: str) -> Account:
        account = accounts.the_account(connection, caller.tenant, name)
        roles = accounts.roles_of(connection, account.id)
        found = granted(roles, self.standing, accounts.custom_roles(connection, caller.tenant))
        if more := beyond(self.standing.within(found, caller.tenant), caller.permissions):
            raise Forbidden(f"this is about {more[0]}, which you do not have yourself")
        return account

    def _tell(self, transaction: Connection, caller: Caller, type: str, subject: str, payload: dict[str, Any]) -> None:
        ports = self.ports
        entry = JournalEntry(
            ports.ids.new(), ports.clock.wall_ns(), caller.tenant, caller.subject, type, subject, payload
        )
        ports.journal.append(transaction, [entry])

    def _now_ms(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000
