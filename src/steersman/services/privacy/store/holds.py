"""Legal holds: whoever is under one is neither erased nor forgotten by time, until somebody lifts it and says why.

Those in the settings are holds as well; a person who may not write there places the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from steersman.contract.personal import Person
from steersman.contract.ports import Context, JournalEntry
from steersman.model.errors import Conflict, NotFound
from steersman.runtime.masking import PrivacySettings
from steersman.services.privacy.model import Hold
from steersman.services.privacy.store import accounts
from steersman.services.privacy.store.tables import holds

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FROM_SETTINGS = "it stands in [privacy] held"


def place(context: Context, one: Person, reason: str) -> Hold:
    """Put somebody under a hold; raises `Conflict` where they are under one."""
    ports, caller = context.ports, context.caller
    now_ms = ports.clock.wall_ns() // 1_000_000
    hold = Hold(account=one.account, reason=reason, placed_by=caller.account or caller.subject, placed_ms=now_ms)
    with ports.database.transaction() as transaction:
        if why(transaction, context, one.account) is not None:
            raise Conflict("this account is under a legal hold already")
        transaction.execute(insert(holds).values(tenant=one.tenant, **hold.model_dump()))
        _tell(context, transaction, one, "privacy.hold.placed", reason)
    return hold


def lift(context: Context, one: Person, reason: str) -> None:
    """End a hold; raises `NotFound` where there is none that a person placed."""
    with context.ports.database.transaction() as transaction:
        gone = transaction.execute(delete(holds).where(holds.c.account == one.account)).rowcount
        if not gone:
            raise NotFound("nobody placed a legal hold on this account; one in [privacy] held is lifted there")
        _tell(context, transaction, one, "privacy.hold.lifted", reason)


def _tell(context: Context, transaction: Connection, one: Person, kind: str, reason: str) -> None:
    ports, caller = context.ports, context.caller
    actor = caller.account or caller.subject
    told = {"account": one.account, "reason": reason}
    entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), one.tenant, actor, kind, one.account, told)
    ports.journal.append(transaction, [entry])


def why(connection: Connection, context: Context, account: str) -> str | None:
    """Return why this account is held, or None where it is not."""
    if account in context.ports.settings.section(PrivacySettings).held:
        return _FROM_SETTINGS
    found: str | None = connection.execute(select(holds.c.reason).where(holds.c.account == account)).scalar()
    return found


def listed(context: Context) -> list[Hold]:
    """Return the holds of the caller's tenant, the newest first."""
    configured = context.ports.settings.section(PrivacySettings).held
    query = select(holds).where(holds.c.tenant == context.caller.tenant).order_by(holds.c.placed_ms.desc())
    with context.ports.database.reading() as connection:
        rows: list[dict[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
        known = {one.account for one in accounts.persons(connection, configured) if one.tenant == context.caller.tenant}
    placed = [Hold(**{name: row[name] for name in Hold.model_fields}) for row in rows]
    return [*placed, *(_configured(account) for account in configured if account in known)]


def _configured(account: str) -> Hold:
    return Hold(account=account, reason=_FROM_SETTINGS, placed_by="settings", placed_ms=0)


def held(context: Context) -> tuple[Person, ...]:
    """Return everybody who is under a hold, of every tenant."""
    configured = context.ports.settings.section(PrivacySettings).held
    with context.ports.database.reading() as connection:
        placed = connection.execute(select(holds.c.account)).scalars().all()
        return tuple(accounts.persons(connection, {*placed, *configured}))
