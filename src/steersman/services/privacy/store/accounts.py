"""An account as personal data: what it says about its owner, and what is left of it when that is taken away.

The row stays under its id, without a name: entries of the journal point to it, and its name may not come to mean
somebody else while anything still does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from steersman.contract.personal import Person
from steersman.contract.ports import Context
from steersman.model.ids import Tenant
from steersman.runtime.identity import accounts, tables
from steersman.runtime.identity.identity import Identity

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

#: What belongs to an account and is nothing without it.
_OWNED: tuple[Table, ...] = (
    tables.keys,
    tables.passkeys,
    tables.recoveries,
    tables.links,
    tables.codes,
    tables.members,
)
_SHOWN = {
    "sessions": (tables.sessions, ("id", "kind", "address", "agent", "created_ms", "seen_ms", "ended_ms", "ended")),
    "api_keys": (tables.keys, ("id", "label", "scopes", "created_ms", "expires_ms", "revoked_ms")),
    "passkeys": (tables.passkeys, ("id", "name", "created_ms", "used_ms")),
    "outside_accounts": (tables.links, ("issuer", "subject", "linked_ms")),
}


def person(connection: Connection, tenant: Tenant, name: str) -> Person:
    """Return whoever has this name in this tenant; raises `NotFound`."""
    found = accounts.the_account(connection, tenant, name)
    return Person(found.id, found.name, found.email, tenant)


def export(context: Context, one: Person) -> dict[str, Any]:
    """Return all that identity keeps, without hashes and keys, which are nothing to a person."""
    row = tables.accounts
    with context.ports.database.reading() as connection:
        columns = (row.c.id, row.c.name, row.c.email, row.c.kind, row.c.disabled, row.c.created_ms)
        account = connection.execute(select(*columns).where(row.c.id == one.account)).mappings().one()
        shown: dict[str, Any] = {"account": dict(account)}
        for name, (table, kept) in _SHOWN.items():
            query = select(*(table.c[column] for column in kept)).where(table.c.account == one.account)
            shown[name] = [dict(found) for found in connection.execute(query).mappings()]
    return shown


def erase(context: Context, one: Person) -> str:
    """End the sessions and leave nothing but a disabled id."""
    identity = context.ports.get(Identity)
    identity.end_sessions(context.caller, one.account, "the account was erased")
    mine = tables.sessions.c.account == one.account
    bare = {
        "name": f"erased-{one.account}",
        "email": "",
        "password": None,
        "totp": None,
        "totp_step": None,
        "disabled": True,
        "asks_passkey": False,
    }
    with context.ports.database.transaction() as transaction:
        if transaction.dialect.name == "sqlite":
            transaction.exec_driver_sql("PRAGMA secure_delete=ON")
        of_mine = select(tables.sessions.c.id).where(mine)
        transaction.execute(delete(tables.refreshes).where(tables.refreshes.c.session.in_(of_mine)))
        transaction.execute(delete(tables.sessions).where(mine))
        for table in _OWNED:
            transaction.execute(delete(table).where(table.c.account == one.account))
        transaction.execute(delete(tables.grants).where(tables.grants.c.holder == one.account))
        transaction.execute(update(tables.accounts).where(tables.accounts.c.id == one.account).values(**bare))
    identity.admission.forget(lambda caller: caller.account == one.account)
    return "the account has no name, address, password, factor, key or session any more, and is disabled"


def delete_old_sessions(context: Context, before_ms: int, most: int) -> int:
    """Delete sessions that ended before a moment, a few at a time; return how many."""
    ended = (tables.sessions.c.ended_ms < before_ms) | (tables.sessions.c.expires_ms < before_ms)
    with context.ports.database.transaction() as transaction:
        found = list(transaction.execute(select(tables.sessions.c.id).where(ended).limit(most)).scalars())
        if found:
            transaction.execute(delete(tables.refreshes).where(tables.refreshes.c.session.in_(found)))
            transaction.execute(delete(tables.sessions).where(tables.sessions.c.id.in_(found)))
    return len(found)
