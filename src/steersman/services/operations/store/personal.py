"""What the loop keeps about persons: who said what about an incident, who approved a plan, who changed the policy.

What was said stays, because the loop learnt from it; who said it goes, and a text that names somebody says `(erased)`
in their place. The journal has its own way of forgetting, so its lines are not touched here. What the loop still has in
hand it writes down again with the next round: an incident that is open keeps a name until it is resolved.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, select, update

from steersman.contract.personal import Person, PersonalData, Retention
from steersman.contract.ports import Context
from steersman.model.incidents import IncidentState
from steersman.runtime.actions import approvals_of_person, waiting
from steersman.runtime.database.texts import Texts
from steersman.services.operations.store import tables
from steersman.services.operations.store.executions import executions
from steersman.services.operations.store.expiring import expire

_SPOKE = {
    "feedback": (tables.feedback, ("incident", "kind", "time_ms", "text")),
    "policies": (tables.policies, ("version", "time_ms", "why")),
}
#: What is written freely, by people or by programs.
_WRITTEN = (
    (tables.incidents, ("body",)),
    (tables.findings, ("body",)),
    (tables.plans, ("body", "verdict")),
    (tables.changes, ("body",)),
    (tables.alerts, ("body",)),
    (tables.policies, ("why",)),
    (tables.feedback, ("text",)),
)


def export(context: Context, one: Person) -> dict[str, Any]:
    """Return their words on incidents, their versions of the policy, and the plans that they approved."""
    with context.ports.database.reading() as connection:
        told: dict[str, Any] = {}
        for name, (table, shown) in _SPOKE.items():
            query = select(*(table.c[column] for column in shown)).where(_theirs(table, one))
            told[name] = [dict(row) for row in connection.execute(query).mappings()]
        approved = select(executions.c.plan, executions.c.changed_ms).where(_approved(one))
        told["approved"] = [dict(row) for row in connection.execute(approved).mappings()]
        told["wanted"] = [
            {"operation": wish.wanted.operation, "asked": wish.asked_by == one.account, "time_ms": wish.asked_ms,
             "state": wish.state.value, "reason": wish.reason if wish.answered_by == one.account else ""}
            for wish in approvals_of_person(connection, one.tenant, one.account)
        ]  # fmt: skip
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
        waiting.withdraw_all(transaction, one.tenant, one.account)
    return f"in {count} words, approvals and policies the bare id of the account stands instead of the name"


def _theirs(table: Table, one: Person) -> ColumnElement[bool]:
    return and_(table.c.tenant == one.tenant, table.c.actor == one.name)


def _approved(one: Person) -> ColumnElement[bool]:
    """Executions have no tenant of their own: it is their plan's. Names are anybody's in another tenant."""
    plans = select(tables.plans.c.id).where(tables.plans.c.tenant == one.tenant)
    return and_(executions.c.approver == one.name, executions.c.plan.in_(plans))


def _texts(one: Person) -> dict[str, Texts]:
    """Everything of the loop's that people or programs wrote freely."""
    plans = select(tables.plans.c.id).where(tables.plans.c.tenant == one.tenant)
    own = {table.name: Texts(table, columns, table.c.tenant == one.tenant) for table, columns in _WRITTEN}
    wished = Texts(waiting.approvals, ("args", "reason"), waiting.approvals.c.tenant == one.tenant)
    return {**own, executions.name: Texts(executions, ("body",), executions.c.plan.in_(plans)), "approvals": wished}


def export_texts(context: Context, one: Person) -> dict[str, Any]:
    """Return every incident, finding, plan, change, alert and word that names them."""
    with context.ports.database.reading() as connection:
        return {name: list(texts.naming(connection, one.identifiers)) for name, texts in _texts(one).items()}


def erase_texts(context: Context, one: Person) -> str:
    """Take them out of all of it."""
    database = context.ports.database
    counts = {name: texts.remove(database, one.identifiers) for name, texts in _texts(one).items()}
    told = ", ".join(f"{count} rows of {name}" for name, count in counts.items() if count) or "no row"
    with database.reading() as connection:
        query = select(tables.incidents.c.id).where(
            tables.incidents.c.tenant == one.tenant, tables.incidents.c.state != IncidentState.RESOLVED.value
        )
        left = len(connection.execute(query).all())
    kept = f"; {left} incidents are open, and one that named them keeps it until it is resolved: ask again then"
    return f"taken out of {told}" + (kept if left and counts[tables.incidents.name] else "")


PERSONAL = (
    PersonalData(
        name="people",
        what="Who judged or commented an incident, approved a plan or changed the policy, and their words.",
        purpose="To know who decided what, and to learn from people's judgement.",
        basis="legitimate interests",
        kept="as long as the installation; the name until its erasure",
        export=export,
        erase=erase,
        columns=("ops_feedback", "ops_policies", "ops_executions.approver", "house_approvals"),
    ),
    PersonalData(
        name="texts",
        what="Incidents, findings, plans, changes and alerts whose texts name somebody.",
        purpose="To repair what went wrong, and to know later what it was.",
        basis="legitimate interests",
        kept="so many days after an incident was resolved",
        export=export_texts,
        erase=erase_texts,
        retention=Retention(days=1_095.0, expire=expire),
        columns=("ops_incidents.body", "ops_findings.body", "ops_plans.body", "ops_changes.body", "ops_alerts.body"),
    ),
)
