"""Erasures in the control database: asked for before anything is taken away, so that a kill leaves none half done.

Whose data it was stands in the request sealed, and is forgotten when it is done.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, BigInteger, Column, LargeBinary, MetaData, String, Table, Text, insert, select, update

from steersman.contract.personal import Person
from steersman.contract.ports import Context, Database, JournalEntry, MarkedColumn, Sealing
from steersman.model.errors import Conflict
from steersman.model.ids import Tenant
from steersman.runtime.database.migrate import Lineage, migrate
from steersman.services.privacy.model import Erasure, Step

if TYPE_CHECKING:
    from sqlalchemy import Row

LINEAGE = Lineage("privacy", Path(__file__).parent.parent / "migrations")
requests = Table(
    "privacy_requests",
    MetaData(),
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("account", String(36)),
    Column("sealed", LargeBinary),
    Column("asked_by", Text),
    Column("reason", Text),
    Column("asked_ms", BigInteger),
    Column("done_ms", BigInteger),
    Column("steps", JSON),
)


def prepare(database: Database) -> None:
    """Create or upgrade the table."""
    migrate(database, [LINEAGE])


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
        transaction.execute(insert(requests).values(**row))
        ports.journal.append(transaction, [entry])
    return made


def unfinished(context: Context) -> list[tuple[str, Person, list[Step]]]:
    """Return what was asked for and is not done, with the steps that are."""
    column = _column(context)
    with context.ports.database.reading() as connection:
        rows = connection.execute(select(requests).where(requests.c.done_ms.is_(None))).all()
    return [(row.id, _person(column.open(row.id, row.sealed)), [Step(**one) for one in row.steps]) for row in rows]


def _person(sealed: bytes) -> Person:
    told = json.loads(sealed)
    return Person(told["account"], told["name"], told["email"], Tenant(told["tenant"]))


def note_steps(context: Context, request: str, steps: Sequence[Step]) -> None:
    """Write down how far it is."""
    kept = [step.model_dump() for step in steps]
    with context.ports.database.transaction() as transaction:
        transaction.execute(update(requests).where(requests.c.id == request).values(steps=kept))


def finish(context: Context, request: str, one: Person, steps: Sequence[Step]) -> None:
    """Write down that it is done, forget who it was, and tell the journal what became of each kind."""
    ports, caller = context.ports, context.caller
    now_ns = ports.clock.wall_ns()
    told: dict[str, Any] = {"request": request, "steps": [step.model_dump() for step in steps]}
    actor = caller.account or caller.subject
    entry = JournalEntry(ports.ids.new(), now_ns, one.tenant, actor, "privacy.erasure.done", one.account, told)
    with ports.database.transaction() as transaction:
        values = {"done_ms": now_ns // 1_000_000, "steps": told["steps"], "sealed": None}
        transaction.execute(update(requests).where(requests.c.id == request).values(**values))
        ports.journal.append(transaction, [entry])


def listed(context: Context, limit: int) -> list[Erasure]:
    """Return the erasures of the caller's tenant, the newest first."""
    query = select(requests).where(requests.c.tenant == context.caller.tenant)
    with context.ports.database.reading() as connection:
        return [_view(row) for row in connection.execute(query.order_by(requests.c.asked_ms.desc()).limit(limit))]


def _view(row: Row[Any]) -> Erasure:
    return Erasure(
        id=row.id,
        account=row.account,
        asked_by=row.asked_by,
        reason=row.reason,
        asked_ms=row.asked_ms,
        done_ms=row.done_ms,
        steps=[Step(**one) for one in row.steps],
    )
