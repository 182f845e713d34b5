"""The table of what two people have to want: who asked, who answered, and until when it may wait.

A row goes one way only, from `waiting` to its end, and every step names the state it comes from, so that two who come
at once cannot both take it. What was asked for is forgotten with the end: the journal has what may be kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    MetaData,
    Row,
    String,
    Table,
    Text,
    delete,
    insert,
    or_,
    select,
    text,
    update,
)

from steersman.contract.ports import Database
from steersman.model.ids import Id, Tenant
from steersman.runtime.database.migrate import Lineage, migrate

LINEAGE = Lineage("approvals", Path(__file__).parent / "migrations")
#: How long a wish waits for the second person, and then for whoever does it.
WITHIN_MS = 3600 * 1000
#: Any fixed number that nothing else locks on.
_LOCK = 0x57EE_0014

approvals = Table(
    "house_approvals",
    MetaData(),
    Column("id", String(36), primary_key=True),
    Column("tenant", Text),
    Column("kind", String(16)),
    Column("operation", Text),
    Column("permissions", JSON),
    Column("roles", JSON),
    Column("key", Text),
    Column("args", JSON(none_as_null=True)),
    Column("asked_by", String(36)),
    Column("asked_ms", BigInteger),
    Column("expires_ms", BigInteger),
    Column("state", String(16)),
    Column("answered_by", String(36)),
    Column("answered_ms", BigInteger),
    Column("reason", Text),
)


class Kind(StrEnum):
    """Who carries it out: the road of actions, the loop, or whoever repeats the request."""

    ACTION = "action"
    PLAN = "plan"
    OPERATION = "operation"


class State(StrEnum):
    """`agreed` is what a second person said yes to; `used` is an operation that was done once on that."""

    WAITING = "waiting"
    AGREED = "agreed"
    USED = "used"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


_ANSWERS = frozenset({State.AGREED, State.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One thing that two people have to want: `operation` under a `key`, with what each of them needs to do it."""

    tenant: Tenant
    kind: Kind
    operation: str
    key: str
    args: Any
    permissions: tuple[str, ...]
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A wish and what became of it. `asked_by` and `answered_by` are ids of accounts."""

    id: Id
    wanted: Wanted
    asked_by: str
    asked_ms: int
    expires_ms: int
    state: State
    answered_by: str = ""
    answered_ms: int | None = None
    reason: str = ""

    @property
    def people(self) -> tuple[str, ...]:
        """Who said yes so far."""
        agreed = self.state in {State.AGREED, State.USED}
        return (self.asked_by, self.answered_by) if agreed else (self.asked_by,)


def prepare(database: Database) -> None:
    """Create or upgrade the table."""
    migrate(database, [LINEAGE])


def hold(transaction: Connection) -> None:
    """Let nobody else answer until this transaction ends. SQLite has one writer at a time anyway."""
    if transaction.dialect.name == "postgresql":
        transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def add(transaction: Connection, approval: Approval) -> None:
    wanted = approval.wanted
    transaction.execute(
        insert(approvals).values(
            id=approval.id,
            tenant=wanted.tenant,
            kind=wanted.kind.value,
            operation=wanted.operation,
            permissions=list(wanted.permissions),
            roles=list(wanted.roles),
            key=wanted.key,
            args=wanted.args,
            asked_by=approval.asked_by,
            asked_ms=approval.asked_ms,
            expires_ms=approval.expires_ms,
            state=approval.state.value,
            answered_by="",
            reason="",
        )
    )


def move(transaction: Connection, before: Approval, state: State, by: str, now_ms: int, reason: str = "") -> bool:
    """Let an approval go on, unless it is not any more where it was; returns whether it did."""
    values: dict[str, Any] = {"state": state.value, "reason": reason}
    if state in _ANSWERS:
        values |= {"answered_by": by, "answered_ms": now_ms}
    if state is State.AGREED:
        values["expires_ms"] = now_ms + WITHIN_MS
    else:
        values["args"] = None
    same = (approvals.c.id == before.id) & (approvals.c.state == before.state.value)
    return transaction.execute(update(approvals).where(same).values(values)).rowcount == 1


def found(connection: Connection, tenant: Tenant, id: str) -> Approval | None:
    """Return one of a tenant."""
    if "\0" in id:
        return None
    wanted = (approvals.c.tenant == tenant) & (approvals.c.id == id)
    row = connection.execute(select(approvals).where(wanted)).one_or_none()
    return None if row is None else _approval(row)


def newest(connection: Connection, wanted: Wanted, states: Collection[State]) -> Approval | None:
    """Return the newest of this very operation under this key that stands in one of these states."""
    query = select(approvals).where(
        approvals.c.tenant == wanted.tenant,
        approvals.c.kind == wanted.kind.value,
        approvals.c.operation == wanted.operation,
        approvals.c.key == wanted.key,
        approvals.c.state.in_([state.value for state in states]),
    )
    row = connection.execute(query.order_by(approvals.c.asked_ms.desc(), approvals.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else _approval(row)


def listed(connection: Connection, tenant: Tenant, states: Collection[State], limit: int) -> list[Approval]:
    """Return those of a tenant in these states, the newest first."""
    names = [state.value for state in states]
    query = select(approvals).where(approvals.c.tenant == tenant, approvals.c.state.in_(names))
    rows = connection.execute(query.order_by(approvals.c.asked_ms.desc(), approvals.c.id.desc()).limit(limit))
    return [_approval(row) for row in rows]


def of_keys(connection: Connection, kind: Kind, keys: Sequence[str]) -> list[Approval]:
    """Return what was said under these keys, in order."""
    if not keys:
        return []
    query = select(approvals).where(approvals.c.key.in_(keys), approvals.c.kind == kind.value)
    return [_approval(row) for row in connection.execute(query.order_by(approvals.c.asked_ms, approvals.c.id))]


def overdue(connection: Connection, now_ms: int) -> list[Approval]:
    """Return what waited too long: for a second person, or for somebody to do what both agreed to."""
    idle = (approvals.c.state == State.AGREED.value) & (approvals.c.kind == Kind.OPERATION.value)
    waits = or_(approvals.c.state == State.WAITING.value, idle)
    return [
        _approval(row) for row in connection.execute(select(approvals).where(waits, approvals.c.expires_ms < now_ms))
    ]


def forget(transaction: Connection, before_ms: int) -> None:
    """Delete what ended before this."""
    waits = [State.WAITING.value]
    ended = (approvals.c.expires_ms < before_ms) & approvals.c.state.not_in(waits)
    transaction.execute(delete(approvals).where(ended))


def of_person(connection: Connection, tenant: Tenant, account: str) -> list[Approval]:
    """Return what somebody asked for or answered."""
    theirs = or_(approvals.c.asked_by == account, approvals.c.answered_by == account)
    query = select(approvals).where(approvals.c.tenant == tenant, theirs)
    return [_approval(row) for row in connection.execute(query.order_by(approvals.c.asked_ms))]


def withdraw_all(transaction: Connection, tenant: Tenant, account: str) -> None:
    """Let go of what somebody wants who is not there any more."""
    theirs = (approvals.c.tenant == tenant) & (approvals.c.asked_by == account)
    waits = theirs & (approvals.c.state == State.WAITING.value)
    transaction.execute(update(approvals).where(waits).values(state=State.WITHDRAWN.value, args=None))


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        id=Id(row.id),
        wanted=Wanted(
            tenant=Tenant(row.tenant),
            kind=Kind(row.kind),
            operation=row.operation,
            key=row.key,
            args=row.args,
            permissions=tuple(row.permissions),
            roles=tuple(row.roles),
        ),
        asked_by=row.asked_by,
        asked_ms=row.asked_ms,
        expires_ms=row.expires_ms,
        state=State(row.state),
        answered_by=row.answered_by,
        answered_ms=row.answered_ms,
        reason=row.reason,
    )
