"""Erasures in the control database: asked for before anything is taken away, so that a kill leaves none half done.

Whose data it was stands in the request sealed, and is forgotten when it is done. From the moment that it is asked for
the account lets nobody in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from steersman.contract.personal import Person
from steersman.contract.ports import Context, JournalEntry, MarkedColumn, Sealing
from steersman.model.errors import Conflict
from steersman.model.ids import Tenant
from steersman.services.privacy.model import Erasure, Step
from steersman.services.privacy.store import accounts, holds, tables
from steersman.services.privacy.store.tables import requests

if TYPE_CHECKING:
    from sqlalchemy import Row


def _column(context: Context) -> MarkedColumn:
    sealing: Sealing = context.ports.get(Sealing)  # type: ignore[type-abstract] # a port is asked for by its protocol
    return sealing.column("privacy_requests", "sealed")


def ask(context: Context, one: Person, reason: str) -> str:
    """Write down that somebody's data is to go, in one transaction with the journal; returns the id of the request."""
    ports, caller = context.ports, context.caller
    made, now_ns = str(ports.ids.new()), ports.clock.wall_ns()
    actor = caller.account or caller.subject
    row = {
        "id": made,
        "tenant": one.tenant,
        "account": one.account,
        "sealed": _column(context).seal(made, json.dumps(asdict(one)).encode()),
        "asked_by": actor,
        "reason": reason,
        "asked_ms": now_ns // 1_000_000,
        "steps": [],
    }
    told = {"request": made, "account": one.account}
    entry = JournalEntry(ports.ids.new(), now_ns, one.tenant, actor, "privacy.erasure.asked", one.account, told)
    with ports.database.transaction() as transaction:
        mine = (requests.c.account == one.account) & requests.c.done_ms.is_(None)
        if transaction.execute(select(requests.c.id).where(mine)).first() is not None:
            raise Conflict("an erasure of this account is under way")
        if (held := holds.why(transaction, context, one.account)) is not None:
            raise Conflict(f"a legal hold keeps the data of this account: {held}")
        accounts.close(transaction, one)
        transaction.execute(insert(requests).values(**row))
        ports.journal.append(transaction, [entry])
    return made


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An erasure that is not done: whose, asked for by whom, and what is done of it."""

    request: str
    asked_by: str
    one: Person
    done: list[Step]


def unfinished(context: Context) -> list[Unfinished]:
    """Return what was asked for and is not done, the oldest first."""
    column = _column(context)
    query = select(requests).where(requests.c.done_ms.is_(None)).order_by(requests.c.asked_ms)
    with context.ports.database.reading() as connection:
        rows = connection.execute(query).all()
    return [
        Unfinished(row.id, row.asked_by, _person(column.open(row.id, row.sealed)), [Step(**one) for one in row.steps])
        for row in rows
    ]


def _person(sealed: bytes) -> Person:
    told = json.loads(sealed)
    also, is_word = tuple(told.get("also", ())), told.get("name_is_a_word", False)
    return Person(told["account"], told["name"], told["email"], Tenant(told["tenant"]), also, is_word)


def note_steps(context: Context, request: str, steps: Sequence[Step]) -> None:
    """Write down how far it is."""
    kept = [step.model_dump() for step in steps]
    with context.ports.database.transaction() as transaction:
        transaction.execute(update(requests).where(requests.c.id == request).values(steps=kept))


def note_trouble(context: Context, request: str, why: str) -> bool:
    """Write down why it does not go on, and tell whether that is news; it is tried again."""
    told = why[:500]
    mine = (requests.c.id == request) & (requests.c.trouble.is_(None) | (requests.c.trouble != told))
    with context.ports.database.transaction() as transaction:
        return transaction.execute(update(requests).where(mine).values(trouble=told)).rowcount > 0


def finish(context: Context, request: str, one: Person, steps: Sequence[Step]) -> None:
    """Write down that it is done, forget who it was, and tell the journal what became of each kind."""
    ports, caller = context.ports, context.caller
    now_ns = ports.clock.wall_ns()
    told: dict[str, Any] = {"request": request, "steps": [step.model_dump() for step in steps]}
    actor = caller.account or caller.subject
    entry = JournalEntry(ports.ids.new(), now_ns, one.tenant, actor, "privacy.erasure.done", one.account, told)
    with ports.database.transaction() as transaction:
        values = {"done_ms": now_ns // 1_000_000, "steps": told["steps"], "sealed": None, "trouble": None}
        open_still = (requests.c.id == request) & requests.c.done_ms.is_(None)
        # Of two processes that did the same one tells of it.
        if transaction.execute(update(requests).where(open_still).values(**values)).rowcount:
            ports.journal.append(transaction, [entry])


def listed(context: Context, limit: int) -> list[Erasure]:
    """Return the erasures of the caller's tenant, the newest first."""
    query = select(requests).where(requests.c.tenant == context.caller.tenant)
    with context.ports.database.reading() as connection:
        return [_view(row) for row in connection.execute(query.order_by(requests.c.asked_ms.desc()).limit(limit))]


def export(context: Context, one: Person) -> dict[str, Any]:
    """Return the erasures and holds of an account."""
    with context.ports.database.reading() as connection:
        mine = connection.execute(select(requests).where(requests.c.account == one.account)).all()
        held = connection.execute(select(tables.holds).where(tables.holds.c.account == one.account)).mappings().all()
    return {"erasures": [_view(row).model_dump() for row in mine], "holds": [dict(row) for row in held]}


def expire(context: Context, before_ms: int, held: tuple[Person, ...], most: int) -> int:
    """Forget what was done before a moment."""
    over = (requests.c.done_ms < before_ms) & ~requests.c.account.in_([one.account for one in held])
    with context.ports.database.transaction() as transaction:
        found = list(transaction.execute(select(requests.c.id).where(over).limit(most)).scalars())
        transaction.execute(delete(requests).where(requests.c.id.in_(found)))
    return len(found)


def the_request(context: Context, request: str) -> Erasure:
    """Return one, as it stands."""
    with context.ports.database.reading() as connection:
        return _view(connection.execute(select(requests).where(requests.c.id == request)).one())


def _view(row: Row[Any]) -> Erasure:
    return Erasure(
        id=row.id,
        account=row.account,
        asked_by=row.asked_by,
        reason=row.reason,
        asked_ms=row.asked_ms,
        done_ms=row.done_ms,
        steps=[Step(**one) for one in row.steps],
        trouble=row.trouble or "",
    )
