"""An account as personal data: what it says about its owner, and what is left of it when that is taken away.

The row stays under its id, without a name: entries of the journal point to it, and its name may not come to mean
somebody else while anything still does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from steersman.contract.personal import Person
from steersman.contract.ports import Context
from steersman.model.errors import Conflict, Forbidden
from steersman.model.ids import Tenant
from steersman.runtime.identity import accounts, tables, tenants
from steersman.runtime.identity.authority import power_of
from steersman.runtime.identity.first import has_admin
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.retractions import About, Retraction, retract
from steersman.runtime.identity.roles import beyond

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
_SESSION = ("id", "kind", "address", "agent", "created_ms", "seen_ms", "expires_ms", "ended_ms", "ended")
_SHOWN = {
    "api_keys": (tables.keys, ("id", "label", "scopes", "created_ms", "expires_ms", "revoked_ms")),
    "passkeys": (tables.passkeys, ("id", "name", "created_ms", "used_ms")),
    "outside_accounts": (tables.links, ("issuer", "subject", "linked_ms")),
}


def person(connection: Connection, tenant: Tenant, name: str) -> Person:
    """Return whoever has this name in this tenant; raises `NotFound`."""
    found = accounts.the_account(connection, tenant, name)
    (one,) = persons(connection, [found.id])
    return one


def persons(connection: Connection, ids: Iterable[str]) -> list[Person]:
    """Return those of these ids that are an account's, with who they are at other houses."""
    row, wanted = tables.accounts.c, list(ids)
    linked: dict[str, list[str]] = {}
    for link in connection.execute(select(tables.links).where(tables.links.c.account.in_(wanted))):
        linked.setdefault(link.account, []).append(link.subject)
    found = connection.execute(select(row.id, row.name, row.email, row.tenant).where(row.id.in_(wanted)))
    return [
        Person(one.id, one.name, one.email or "", Tenant(one.tenant), tuple(sorted(linked.get(one.id, ()))))
        for one in found
    ]


def close(transaction: Connection, one: Person) -> None:
    """Let nobody in by this account any more; raises `Conflict` where nobody would be left who administers."""
    tenants.hold(transaction, one.tenant)
    before = has_admin(transaction, one.tenant)
    transaction.execute(update(tables.accounts).where(tables.accounts.c.id == one.account).values(disabled=True))
    if before and not has_admin(transaction, one.tenant):
        raise Conflict("this would leave nobody who administers: give the role admin to another person first")
    retract(transaction, Retraction(About.ACCOUNT, one.account))


def within_reach(context: Context, one: Person) -> None:
    """Raise `Forbidden` where somebody may do more than the caller: nobody reaches above themselves."""
    identity = context.ports.get(Identity)
    with context.ports.database.reading() as connection:
        power = power_of(connection, one.account, one.tenant, identity.standing)
    if power is not None and (more := beyond(power.permissions, context.caller.permissions)):
        raise Forbidden(f"this is about {more[0]}, which you do not have yourself")


def export(context: Context, one: Person) -> dict[str, Any]:
    """Return what identity keeps of an account, without hashes and keys, which are nothing to a person."""
    row = tables.accounts
    with context.ports.database.reading() as connection:
        columns = (row.c.id, row.c.name, row.c.email, row.c.kind, row.c.disabled, row.c.created_ms)
        account = connection.execute(select(*columns).where(row.c.id == one.account)).mappings().one()
        shown: dict[str, Any] = {"account": dict(account)}
        for name, (table, kept) in _SHOWN.items():
            query = select(*(table.c[column] for column in kept)).where(table.c.account == one.account)
            shown[name] = [dict(found) for found in connection.execute(query).mappings()]
    return shown


def sessions_of(context: Context, one: Person) -> list[dict[str, Any]]:
    """Return the sign-ins that are not forgotten yet, with where they came from."""
    query = select(*(tables.sessions.c[column] for column in _SESSION)).where(tables.sessions.c.account == one.account)
    with context.ports.database.reading() as connection:
        return [dict(found) for found in connection.execute(query).mappings()]


def erase_sessions(context: Context, one: Person) -> str:
    """End all of them and forget where they came from."""
    identity = context.ports.get(Identity)
    identity.end_sessions(context.caller, one.account, "the account was erased")
    mine = tables.sessions.c.account == one.account
    with context.ports.database.transaction() as transaction:
        _for_good(transaction)
        of_mine = select(tables.sessions.c.id).where(mine)
        transaction.execute(delete(tables.refreshes).where(tables.refreshes.c.session.in_(of_mine)))
        count = transaction.execute(delete(tables.sessions).where(mine)).rowcount
    identity.admission.forget(lambda caller: caller.account == one.account)
    return f"{count} sign-ins are ended and forgotten"


def erase(context: Context, one: Person) -> str:
    """Leave nothing of an account but a disabled id."""
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
        _for_good(transaction)
        for table in _OWNED:
            transaction.execute(delete(table).where(table.c.account == one.account))
        transaction.execute(delete(tables.grants).where(tables.grants.c.holder == one.account))
        transaction.execute(update(tables.accounts).where(tables.accounts.c.id == one.account).values(**bare))
    context.ports.get(Identity).admission.forget(lambda caller: caller.account == one.account)
    return "the account has no name, address, password, factor or key any more, and is disabled"


def _for_good(transaction: Connection) -> None:
    if transaction.dialect.name == "sqlite":
        transaction.exec_driver_sql("PRAGMA secure_delete=ON")


def expire_sessions(context: Context, before_ms: int, held: tuple[Person, ...], most: int) -> int:
    """Delete sessions that ended before a moment, but for those of whoever a legal hold keeps."""
    row = tables.sessions.c
    over = (row.ended_ms < before_ms) | (row.expires_ms < before_ms)
    kept = row.account.in_([one.account for one in held])
    with context.ports.database.transaction() as transaction:
        found = list(transaction.execute(select(row.id).where(over, ~kept).limit(most)).scalars())
        if found:
            transaction.execute(delete(tables.refreshes).where(tables.refreshes.c.session.in_(found)))
            transaction.execute(delete(tables.sessions).where(row.id.in_(found)))
    return len(found)


#: What of identity's tables is about persons, by the kind that tells of it.
ACCOUNT_COLUMNS = (
    "identity_accounts",
    "identity_grants",
    "identity_members",
    "identity_keys",
    "identity_recoveries",
    "identity_passkeys",
    "identity_codes",
    "identity_links",
)
SESSION_COLUMNS = ("identity_sessions",)
