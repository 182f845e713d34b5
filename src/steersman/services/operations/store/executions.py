"""Plans in hand: where each one stands outside of the loop, and what was begun lately.

The loop's own record of a plan follows from what it is told in a round. This one is written before anything happens, so
that it can be counted by whoever wants to act next, and read by whoever comes after a kill.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Row, String, Table, Text, insert, or_, select, update
from sqlalchemy.types import JSON

from steersman.contract.ports import Database
from steersman.model.ids import Id
from steersman.model.plans import Plan, PlanState
from steersman.runtime.database.journal import journal
from steersman.runtime.database.migrate import Lineage, migrate
from steersman.services.operations.logic.guards import IN_HAND, Deed
from steersman.services.operations.logic.lines import VERDICT
from steersman.services.operations.store import tables
from steersman.services.operations.store.values import plain, plan_of

LINEAGE = Lineage("operations_execution", Path(__file__).parent.parent / "migrations" / "execution")

executions = Table(
    "ops_executions",
    MetaData(),
    Column("plan", String(36), primary_key=True),
    Column("state", Text),
    Column("target", Text),
    Column("approver", Text),
    Column("begun_ms", BigInteger),
    Column("changed_ms", BigInteger),
    Column("body", JSON),
)


@dataclass(frozen=True, slots=True)
class Execution:
    """A plan in hand. `plan.state` is where it stands; `approver` is the person who said yes, if one was asked."""

    plan: Plan
    changed_ms: int
    approver: str = ""


def prepare(database: Database) -> None:
    """Create or upgrade the table; call it before anything else here."""
    migrate(database, [LINEAGE])


def add(transaction: Connection, plan: Plan, now_ms: int) -> bool:
    """Take a plan in hand, in the state that it has; returns False when it already is."""
    if find(transaction, plan.id) is not None:
        return False
    row = {"plan": plan.id, "target": plan.remedy.target.ref, "approver": "", **_standing(plan, now_ms)}
    transaction.execute(insert(executions).values(row))
    return True


def find(connection: Connection, plan: Id) -> Execution | None:
    """Return a plan in hand."""
    row = connection.execute(select(executions).where(executions.c.plan == plan)).one_or_none()
    return None if row is None else _execution(row)


def standing(connection: Connection, states: Collection[PlanState], *, since_ms: int = 0) -> list[Execution]:
    """Return the plans that stand in one of these states since then or later, the longest first."""
    names = sorted(state.value for state in states)
    query = select(executions).where(executions.c.state.in_(names), executions.c.changed_ms >= since_ms)
    rows = connection.execute(query.order_by(executions.c.changed_ms, executions.c.plan))
    return [_execution(row) for row in rows]


def deeds(connection: Connection, since_ms: int) -> list[Deed]:
    """Return what was begun since then, and whatever is still in hand, in the order of its beginning."""
    names = sorted(state.value for state in IN_HAND)
    query = select(executions).where(
        executions.c.begun_ms.is_not(None),
        or_(executions.c.begun_ms >= since_ms, executions.c.state.in_(names)),
    )
    rows = connection.execute(query.order_by(executions.c.begun_ms, executions.c.plan))
    return [Deed(Id(row.plan), row.target, row.begun_ms, PlanState(row.state)) for row in rows]


def hold(transaction: Connection, before: Execution) -> bool:
    """Let nobody else answer for a plan until this transaction ends; returns whether it still is where it was."""
    same = (executions.c.plan == before.plan.id) & (executions.c.state == before.plan.state.value)
    held = update(executions).where(same).values(changed_ms=executions.c.changed_ms)
    return transaction.execute(held).rowcount == 1


def move(transaction: Connection, before: Execution, after: Plan, now_ms: int, *, approver: str = "") -> bool:
    """Let a plan go on, unless it is not any more where it was; returns whether it did."""
    values = {**_standing(after, now_ms), "approver": approver or before.approver}
    if after.state is PlanState.APPLYING:
        values["begun_ms"] = now_ms
    statement = update(executions).where(
        executions.c.plan == before.plan.id, executions.c.state == before.plan.state.value
    )
    return transaction.execute(statement.values(values)).rowcount == 1


def entry_of(connection: Connection, plan: Id) -> Id | None:
    """Return the journal entry that the loop's record of a plan was last written with."""
    query = select(tables.plans.c.entry).where(tables.plans.c.id == plan)
    found: Id | None = connection.execute(query).scalar_one_or_none()
    return found


def verdict_of(connection: Connection, plan: Id) -> tuple[PlanState, bool] | None:
    """Return the verdict that the loop's record has of a plan, and whether what it did is to be taken back."""
    query = (
        select(tables.plans.c.state, journal.c.payload)
        .join(journal, journal.c.id == tables.plans.c.entry)
        .where(tables.plans.c.id == plan, journal.c.type == VERDICT)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (PlanState(row.state), bool(row.payload.get("undo")))


def not_in_hand(connection: Connection, states: Collection[PlanState]) -> list[Plan]:
    """Return the plans that the loop's record has in one of these states and that nobody took in hand."""
    names = sorted(state.value for state in states)
    query = (
        select(tables.plans.c.body)
        .outerjoin(executions, executions.c.plan == tables.plans.c.id)
        .where(tables.plans.c.state.in_(names), executions.c.plan.is_(None))
        .order_by(tables.plans.c.decided_ms, tables.plans.c.id)
    )
    return [plan_of(body) for body in connection.execute(query).scalars()]


def _standing(plan: Plan, now_ms: int) -> dict[str, Any]:
    return {"state": plan.state.value, "changed_ms": now_ms, "body": plain(plan)}


def _execution(row: Row[Any]) -> Execution:
    plan = replace(plan_of(row.body), state=PlanState(row.state))
    return Execution(plan, row.changed_ms, row.approver)
