"""What administrators see of many accounts at once: a page of them, with groups, last sign-in, factors and keys.

A page costs the same few queries whether there are ten accounts or ten thousand, and goes on from a name, so that
nobody is shown twice or left out when others come and go. It tells nothing secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, or_, select

from steersman.model.ids import Tenant
from steersman.runtime.identity import tables
from steersman.runtime.identity.accounts import Account, Kind, held_by, of_row
from steersman.runtime.identity.names import folded

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

_NEVER_INSIDE = "\\"


class Which(StrEnum):
    """Which accounts of a tenant are meant."""

    ALL = "all"
    PERSONS = "person"
    SERVICES = "service"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of a tenant's accounts: those with `text` in name or address, after a name, so many at most."""

    text: str = ""
    which: Which = Which.ALL
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """An account with what belongs to it. `signed_in_ms` is the last sign-in that is still remembered."""

    account: Account
    groups: tuple[str, ...] = ()
    passkeys: int = 0
    sessions: int = 0
    keys: int = 0
    signed_in_ms: int | None = None
    has_password: bool = False
    asks_passkey: bool = False

    @property
    def factors(self) -> tuple[str, ...]:
        """What is asked for besides the password."""
        return (*(("totp",) if self.account.second_factor else ()), *(("passkey",) if self.asks_passkey else ()))


def page_of(connection: Connection, tenant: Tenant, wanted: Wanted, now_ms: int) -> list[Listed]:
    """Return a page of accounts by name."""
    query = (
        select(tables.accounts)
        .where(*_conditions(tenant, wanted), tables.accounts.c.name > wanted.after)
        .order_by(tables.accounts.c.name)
        .limit(wanted.limit)
    )
    return _with_belongings(connection, connection.execute(query).all(), now_ms)


def count_of(connection: Connection, tenant: Tenant, wanted: Wanted) -> int:
    """Return how many accounts there are of this kind, on all pages."""
    query = select(func.count()).select_from(tables.accounts).where(*_conditions(tenant, wanted))
    return int(connection.execute(query).scalar_one())


def the_listed(connection: Connection, tenant: Tenant, name: str, now_ms: int) -> Listed | None:
    """Return one account with what belongs to it, by any spelling of its name."""
    mine = (tables.accounts.c.tenant == tenant) & (tables.accounts.c.name == folded(name))
    found = _with_belongings(connection, connection.execute(select(tables.accounts).where(mine)).all(), now_ms)
    return found[0] if found else None


def _conditions(tenant: Tenant, wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    yield tables.accounts.c.tenant == tenant
    if wanted.which is Which.DISABLED:
        yield tables.accounts.c.disabled.is_(True)
    elif wanted.which is not Which.ALL:
        yield tables.accounts.c.kind == Kind(wanted.which.value).value
    if text := wanted.text.strip().casefold():
        # Names are kept folded; addresses as they were written.
        shape = f"%{_literal(text)}%"
        address = func.lower(tables.accounts.c.email).like(shape, escape=_NEVER_INSIDE)
        yield or_(tables.accounts.c.name.like(shape, escape=_NEVER_INSIDE), address)


def _literal(text: str) -> str:
    for sign in (_NEVER_INSIDE, "%", "_"):
        text = text.replace(sign, _NEVER_INSIDE + sign)
    return text


def _with_belongings(connection: Connection, rows: Sequence[Row[Any]], now_ms: int) -> list[Listed]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    roles, groups = held_by(connection, ids), _groups(connection, ids)
    signed_in, passkeys, keys = (
        _sessions(connection, ids, now_ms),
        _passkeys(connection, ids),
        _keys(connection, ids, now_ms),
    )
    return [
        Listed(
            of_row(row, roles.get(row.id, ())),
            groups.get(row.id, ()),
            passkeys.get(row.id, 0),
            signed_in.get(row.id, (0, None))[0],
            keys.get(row.id, 0),
            signed_in.get(row.id, (0, None))[1],
            row.password is not None,
            bool(row.asks_passkey),
        )
        for row in rows
    ]


def _groups(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    query = (
        select(tables.members.c.account, tables.groups.c.name)
        .join(tables.groups, tables.groups.c.id == tables.members.c.group_id)
        .where(tables.members.c.account.in_(ids))
        .order_by(tables.groups.c.name)
    )
    found: dict[str, tuple[str, ...]] = {}
    for account, name in connection.execute(query):
        found[account] = (*found.get(account, ()), name)
    return found


def _sessions(connection: Connection, ids: Sequence[str], now_ms: int) -> dict[str, tuple[int, int | None]]:
    """Return how many sessions of each are alive, and when the last one that a person began did."""
    table = tables.sessions
    alive = case((table.c.ended_ms.is_(None) & (table.c.expires_ms > now_ms), 1), else_=0)
    begun = case((table.c.client.is_(None), table.c.created_ms))
    query = (
        select(table.c.account, func.sum(alive), func.max(begun))
        .where(table.c.account.in_(ids))
        .group_by(table.c.account)
    )
    return {account: (int(count), last) for account, count, last in connection.execute(query)}


def _passkeys(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    table = tables.passkeys
    query = select(table.c.account, func.count()).where(table.c.account.in_(ids)).group_by(table.c.account)
    return {account: int(count) for account, count in connection.execute(query)}


def _keys(connection: Connection, ids: Sequence[str], now_ms: int) -> dict[str, int]:
    table = tables.keys
    alive = table.c.revoked_ms.is_(None) & (table.c.expires_ms > now_ms)
    query = select(table.c.account, func.count()).where(table.c.account.in_(ids), alive).group_by(table.c.account)
    return {account: int(count) for account, count in connection.execute(query)}
