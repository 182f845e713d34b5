"""What the loop keeps about persons: who said what about an incident, who approved a plan, who changed the policy.

What was said stays, because the loop learnt from it; who said it goes. The journal has its own way of forgetting, so
its lines are not touched here. A text that names somebody inside is found by the search after an erasure.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, select, update

from steersman.contract.personal import Person, PersonalData
from steersman.contract.ports import Context
from steersman.services.operations.store import tables
from steersman.services.operations.store.executions import executions

_SPOKE = {
    "feedback": (tables.feedback, ("incident", "kind", "time_ms", "text")),
    "policies": (tables.policies, ("version", "time_ms", "why")),
}


def export(context: Context, one: Person) -> dict[str, Any]:
    """Return their words on incidents, their versions of the policy, and the plans that they approved."""
    with context.ports.database.reading() as connection:
        told: dict[str, Any] = {}
        for name, (table, shown) in _SPOKE.items():
            query = select(*(table.c[column] for column in shown)).where(_theirs(table, one))
            told[name] = [dict(row) for row in connection.execute(query).mappings()]
        approved = select(executions.c.plan, executions.c.changed_ms).where(_approved(one))
        told["approved"] = [dict(row) for row in connection.execute(approved).mappings()]
    return told


def erase(context: Context, one: Person) -> str:
    """Put the id of the account, which names nobody any more, where the person stood."""
    count = 0
    with context.ports.database.transaction() as transaction:
        if transaction.dialect.name == "sqlite":
            transaction.exec_driver_sql("PRAGMA secure_delete=ON")
        for table, _shown in _SPOKE.values():
            changed = update(table).where(_theirs(table, one)).values(actor=one.account)
            count += transaction.execute(changed).rowcount
        count += transaction.execute(update(executions).where(_approved(one)).values(approver=one.account)).rowcount
    return f"in {count} words, approvals and policies the bare id of the account stands instead of the name"


def _theirs(table: Table, one: Person) -> ColumnElement[bool]:
    return and_(table.c.tenant == one.tenant, table.c.actor == one.name)


def _approved(one: Person) -> ColumnElement[bool]:
    """Executions have no tenant of their own: it is their plan's. Names are anybody's in another tenant."""
    plans = select(tables.plans.c.id).where(tables.plans.c.tenant == one.tenant)
    return and_(executions.c.approver == one.name, executions.c.plan.in_(plans))


PERSONAL = (
    PersonalData(
        name="people",
        what="Who judged or commented an incident, approved a plan or changed the policy, and their words.",
        purpose="To know who decided what, and to learn from people's judgement.",
        basis="legitimate interests",
        kept="as long as the installation; the name until its erasure",
        export=export,
        erase=erase,
    ),
)
