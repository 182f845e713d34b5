"""Invitations: the link with which somebody chooses the password of their account, once, within a day.

Whoever looks after accounts makes one and hands it over; they never learn the password, and nobody has one that was
meant for the first day only. A new invitation takes the place of the one before. Wrong, expired and used ones are
refused alike, and what is stored opens nothing. Nor does a link open an account that may do more by now than whoever
made the link: they could have kept it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from steersman.contract.ports import Caller, JournalEntry, Ports
from steersman.model.errors import Unauthenticated
from steersman.model.ids import Id, Tenant
from steersman.runtime.identity import accounts, sessions, tables
from steersman.runtime.identity.accounts import Kind
from steersman.runtime.identity.admission import Admission
from steersman.runtime.identity.authority import Power, power_of
from steersman.runtime.identity.evidence import Evidence
from steersman.runtime.identity.passwords import Passwords
from steersman.runtime.identity.roles import Standing, beyond
from steersman.runtime.identity.sessions import digest

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

REFUSED = "this link was used, has expired or is another one: ask who looks after accounts for a new one"
PREFIX = "stmi_"
LIFETIME_MS = 24 * 3_600_000
_KIND = "invitation"


def invite(transaction: Connection, account: Id, maker: Caller, now_ms: int) -> str:
    """Return the token of a new invitation for an account, in the place of any before."""
    withdraw(transaction, account)
    token = PREFIX + secrets.token_urlsafe(32)
    content = {"permissions": sorted(maker.permissions)}
    row = {"kind": _KIND, "bound": account, "content": content, "expires_ms": now_ms + LIFETIME_MS}
    transaction.execute(insert(tables.flows).values(hash=digest(token), **row))
    return token


def withdraw(transaction: Connection, account: Id) -> None:
    """Let the invitation of an account be good for nothing, where there is one."""
    mine = (tables.flows.c.kind == _KIND) & (tables.flows.c.bound == account)
    transaction.execute(delete(tables.flows).where(mine))


@dataclass(frozen=True, slots=True)
class Invitations:
    """Takes invitations back for passwords. Every method blocks."""

    ports: Ports
    passwords: Passwords
    evidence: Evidence
    admission: Admission
    standing: Standing

    def name_for(self, token: str) -> str | None:
        """Return whose invitation this is, to show it to who holds it; None for one that is good for nothing."""
        with self.ports.database.reading() as connection:
            row = self._invited(connection, token)
        return None if row is None else str(row.name)

    def accept(self, token: str, password: str, address: str) -> Id:
        """Give the account its password and end what it had; raises `Unauthenticated` for the token.

        A password that is not accepted uses nothing up: `InvalidInput`. Of two callers at once one is refused.
        """
        with self.ports.database.reading() as connection:
            row = self._invited(connection, token)
        if row is None:
            self.evidence.note("identity.setup.refused", address or "unknown", {})
            raise Unauthenticated(REFUSED)
        hashed = self.passwords.chosen(password, row.name, row.email)
        with self.ports.database.transaction() as transaction:
            if self._invited(transaction, token) is None:
                raise Unauthenticated(REFUSED)
            self._claim(transaction, token)
            accounts.change_account(transaction, Id(row.id), password=hashed)
            sessions.end_all(transaction, row.id, "a password was chosen by invitation", self._now_ms())
            self._tell(transaction, row, address)
        self.admission.forget(lambda caller: caller.account == row.id)
        return Id(row.id)

    def _invited(self, connection: Connection, token: str) -> Row[Any] | None:
        if not token.startswith(PREFIX):
            return None
        query = (
            select(tables.accounts, tables.flows.c.content)
            .join(tables.flows, tables.flows.c.bound == tables.accounts.c.id)
            .where(
                tables.flows.c.hash == digest(token),
                tables.flows.c.kind == _KIND,
                tables.flows.c.expires_ms > self._now_ms(),
                tables.accounts.c.disabled.is_(False),
                tables.accounts.c.kind == Kind.PERSON.value,
            )
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        power = power_of(connection, row.id, Tenant(row.tenant), self.standing)
        return row if power is not None and not self._grew(power, row) else None

    def _grew(self, power: Power, row: Row[Any]) -> bool:
        """Tell whether the account may do by now what the maker of its invitation could not hand on."""
        made_by = frozenset(row.content["permissions"])
        everything = self.standing.within(frozenset({"*"}), Tenant(row.tenant))
        wanted = everything if "*" in power.permissions else power.permissions
        return bool(beyond(wanted, made_by))

    def _claim(self, transaction: Connection, token: str) -> None:
        mine = (tables.flows.c.hash == digest(token)) & (tables.flows.c.kind == _KIND)
        if transaction.execute(delete(tables.flows).where(mine)).rowcount != 1:
            raise Unauthenticated(REFUSED)

    def _tell(self, transaction: Connection, row: Any, address: str) -> None:
        ports, told = self.ports, {"how": "an invitation", "address": address}
        now_ns = ports.clock.wall_ns()
        entry = JournalEntry(
            ports.ids.new(), now_ns, Tenant(row.tenant), row.name, "identity.password.changed", row.id, told
        )
        ports.journal.append(transaction, [entry])

    def _now_ms(self) -> int:
        return self.ports.clock.wall_ns() // 1_000_000
