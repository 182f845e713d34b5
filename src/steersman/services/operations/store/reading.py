"""What the web shows: pages by sort key, one incident with all that belongs to it, and its timeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, or_, select, tuple_

from steersman.contract.ports import JournalEntry
from steersman.model.errors import NotFound
from steersman.model.findings import Finding
from steersman.model.ids import Id, Tenant
from steersman.model.incidents import Incident, IncidentState
from steersman.model.plans import PlanState
from steersman.runtime.database.journal import journal
from steersman.services.operations.logic import views
from steersman.services.operations.logic.cursors import cursor, position
from steersman.services.operations.model import wire
from steersman.services.operations.model.overview import ChangePage, ChangeQuery
from steersman.services.operations.store import tables
from steersman.services.operations.store.consent import given_to
from steersman.services.operations.store.values import change_of, finding_of, incident_of, plan_of, verdict_of

#: A timeline beyond this length is a storm; its newest lines tell of it.
_LINES = 2_000


def _page(query: Select[Any], order: tuple[ColumnElement[Any], ColumnElement[Any]], given: Any) -> Select[Any]:
    """Put a list in order, newest first, after the cursor; one row more than the page tells whether there is a next."""
    if given.cursor:
        query = query.where(tuple_(*order) < tuple_(*position(given.cursor)))
    return query.order_by(order[0].desc(), order[1].desc()).limit(given.limit + 1)


def incident_page(connection: Connection, tenant: Tenant, given: wire.IncidentQuery) -> wire.IncidentPage:
    """Return a page of incidents."""
    table = tables.incidents
    query = select(table.c.body).where(table.c.tenant == tenant)
    if given.state is not None:
        query = query.where(table.c.state == given.state.value)
    if given.severity is not None:
        query = query.where(table.c.severity == given.severity)
    if given.since is not None:
        query = query.where(table.c.opened_ms >= given.since)
    if given.entity is not None:
        ends = tables.incident_entities
        there = select(ends.c.incident).where(ends.c.tenant == tenant, ends.c.entity == given.entity)
        query = query.where(table.c.id.in_(there))
    bodies = connection.execute(_page(query, (table.c.opened_ms, table.c.id), given)).scalars()
    found = [incident_of(body) for body in bodies]
    shown = found[: given.limit]
    more = len(found) > given.limit
    return wire.IncidentPage(
        incidents=[views.incident_summary(incident) for incident in shown],
        next=cursor(shown[-1].opened_ms, shown[-1].id) if more else None,
    )


def the_incident(connection: Connection, tenant: Tenant, incident: str) -> Incident:
    """Return one incident; raises `NotFound`."""
    table = tables.incidents
    query = select(table.c.body).where(table.c.tenant == tenant, table.c.id == incident)
    body = connection.execute(query).scalar_one_or_none() if "\0" not in incident else None
    if body is None:
        raise NotFound(f"there is no incident {incident!r}")
    return incident_of(body)


def incident_detail(connection: Connection, tenant: Tenant, id: str) -> wire.IncidentDetail:
    """Return one incident with its findings, plans and feedback; raises `NotFound`."""
    incident = the_incident(connection, tenant, id)
    return views.incident_detail(
        incident,
        [_finding(row) for row in connection.execute(_findings_of(incident.id))],
        plans_of(connection, incident.id),
        feedback_of(connection, incident.id),
    )


def _findings_of(incident: Id) -> Select[Any]:
    table = tables.findings
    query = select(table.c.seq, table.c.body, table.c.active, table.c.incident)
    return query.where(table.c.incident == incident).order_by(table.c.seq)


def _finding(row: Any) -> wire.FindingDetail:
    return views.finding_detail(finding_of(row.body), row.incident, active=row.active)


def plans_of(connection: Connection, incident: Id) -> list[wire.PlanDetail]:
    """Return the plans of an incident, in the order of their decision.

    They are sorted here: a database that is asked to may walk its index on the times and read every plan there is.
    """
    table = tables.plans
    query = select(table.c.body, table.c.verdict).where(table.c.incident == incident)
    return sorted(_plans(connection, connection.execute(query)), key=lambda plan: (plan.decided_ms, plan.id))


def _plans(connection: Connection, rows: Iterable[Any]) -> list[wire.PlanDetail]:
    """Shape rows; where two people have to want a plan, with who said yes."""
    found = [(plan_of(row.body), None if row.verdict is None else verdict_of(row.verdict)) for row in rows]
    asking = [plan.id for plan, _verdict in found if plan.remedy.two_people]
    given = given_to(connection, asking)
    shown = [views.plan_detail(*one) for one in found]
    wanted = frozenset(asking)
    return [
        plan.model_copy(update={"consent": views.consent(given.get(plan.id, ()))}) if plan.id in wanted else plan
        for plan in shown
    ]


def feedback_of(connection: Connection, incident: Id) -> list[wire.FeedbackLine]:
    """Return what people said of an incident, in order."""
    table = tables.feedback
    query = select(table).where(table.c.incident == incident).order_by(table.c.seq)
    return [
        wire.FeedbackLine(kind=row.kind, time_ms=row.time_ms, actor=row.actor, text=row.text)
        for row in connection.execute(query)
    ]


def timeline(connection: Connection, tenant: Tenant, incident: str) -> wire.Timeline:
    """Return an incident's lines in the journal, those of its plans and findings included; raises `NotFound`.

    The journal's index on the subject makes this quick, and the lines are sorted here, or the walk over another index
    would be taken for shorter. A finding that was noticed before its incident was opened has the entity as its subject,
    so the rows of findings say which line was their first.
    """
    known = the_incident(connection, tenant, incident)
    found, made = tables.findings, tables.plans
    earlier = select(found.c.entry).where(found.c.incident == known.id)
    plans = select(made.c.id).where(made.c.incident == known.id)
    mine = or_(journal.c.subject == known.id, journal.c.subject.in_(plans), journal.c.id.in_(earlier))
    rows = [row for row in connection.execute(select(journal).where(mine)) if row.tenant == tenant]
    newest = sorted(rows, key=lambda row: row.seq)[-_LINES:]
    return wire.Timeline(incident=known.id, entries=[views.timeline_line(_entry(row)) for row in newest])


def _entry(row: Any) -> JournalEntry:
    return JournalEntry(
        id=Id(row.id),
        time_ns=row.time_ns,
        tenant=Tenant(row.tenant),
        actor=row.actor,
        type=row.type,
        subject=row.subject,
        payload=row.payload,
        cause=row.cause,
        seq=row.seq,
    )


def finding_page(connection: Connection, tenant: Tenant, given: wire.FindingQuery) -> wire.FindingPage:
    """Return a page of findings."""
    table = tables.findings
    query = select(table.c.seq, table.c.body, table.c.active, table.c.incident).where(table.c.tenant == tenant)
    for name in ("entity", "aspect", "severity", "active"):
        if (wanted := getattr(given, name)) is not None:
            query = query.where(table.c[name] == wanted)
    if given.cursor:
        query = query.where(table.c.seq < position(given.cursor)[0])
    rows = connection.execute(query.order_by(table.c.seq.desc()).limit(given.limit + 1)).all()
    shown = rows[: given.limit]
    return wire.FindingPage(
        findings=[_finding(row) for row in shown],
        next=cursor(shown[-1].seq, "") if len(rows) > given.limit else None,
    )


def plan_page(connection: Connection, tenant: Tenant, given: wire.PlanQuery) -> wire.PlanPage:
    """Return a page of plans."""
    table = tables.plans
    query = select(table.c.id, table.c.decided_ms, table.c.body, table.c.verdict).where(table.c.tenant == tenant)
    if given.state is not None:
        query = query.where(table.c.state == given.state.value)
    if given.incident is not None:
        query = query.where(table.c.incident == given.incident)
    rows = connection.execute(_page(query, (table.c.decided_ms, table.c.id), given)).all()
    shown = rows[: given.limit]
    return wire.PlanPage(
        plans=_plans(connection, shown),
        next=cursor(shown[-1].decided_ms, shown[-1].id) if len(rows) > given.limit else None,
    )


def the_plan(connection: Connection, tenant: Tenant, id: str) -> wire.PlanDetail:
    """Return one plan; raises `NotFound`."""
    table = tables.plans
    query = select(table.c.body, table.c.verdict).where(table.c.tenant == tenant, table.c.id == id)
    row = connection.execute(query).one_or_none() if "\0" not in id else None
    if row is None:
        raise NotFound(f"there is no plan {id!r}")
    return _plans(connection, [row])[0]


def counts(connection: Connection, tenant: Tenant) -> dict[str, dict[str, int]]:
    """Return how many incidents and plans there are by state, and how many findings are active."""
    active = connection.execute(
        select(func.count())
        .select_from(tables.findings)
        .where(tables.findings.c.tenant == tenant, tables.findings.c.active.is_(True))
    )
    return {
        "incidents": _by_state(connection, tenant, tables.incidents),
        "plans": _by_state(connection, tenant, tables.plans),
        "findings": {"active": active.scalar_one()},
    }


def _by_state(connection: Connection, tenant: Tenant, table: Table) -> dict[str, int]:
    query = select(table.c.state, func.count()).where(table.c.tenant == tenant).group_by(table.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def active_findings(connection: Connection, tenant: Tenant) -> list[Finding]:
    """Return every finding that is so now."""
    table = tables.findings
    query = select(table.c.body).where(table.c.tenant == tenant, table.c.active.is_(True)).order_by(table.c.seq)
    return [finding_of(body) for body in connection.execute(query).scalars()]


def change_page(connection: Connection, tenant: Tenant, given: ChangeQuery) -> ChangePage:
    """Return a page of changes."""
    table = tables.changes
    query = select(table.c.id, table.c.time_ms, table.c.body).where(table.c.tenant == tenant)
    if given.entity is not None:
        query = query.where(table.c.entity == given.entity)
    if given.since is not None:
        query = query.where(table.c.time_ms >= given.since)
    rows = connection.execute(_page(query, (table.c.time_ms, table.c.id), given)).all()
    shown = rows[: given.limit]
    return ChangePage(
        changes=[views.change_view(change_of(row.body)) for row in shown],
        next=cursor(shown[-1].time_ms, shown[-1].id) if len(rows) > given.limit else None,
    )


def diagnoses(connection: Connection, tenant: Tenant, incident: str | None) -> list[wire.Diagnosis]:
    """Return what may be behind one incident, or behind each that is open; raises `NotFound`."""
    if incident is not None:
        return [views.diagnosis(the_incident(connection, tenant, incident))]
    table = tables.incidents
    query = select(table.c.body).where(table.c.tenant == tenant, table.c.state != IncidentState.RESOLVED.value)
    bodies = connection.execute(query.order_by(table.c.opened_ms.desc(), table.c.id.desc()).limit(_LINES)).scalars()
    return [views.diagnosis(incident_of(body)) for body in bodies]


def journal_head(connection: Connection) -> int:
    """Return the number of the newest entry, 0 for an empty journal."""
    head: int | None = connection.execute(select(func.max(journal.c.seq))).scalar_one_or_none()
    return head or 0


def awaiting(connection: Connection, tenant: Tenant) -> Sequence[wire.PlanDetail]:
    """Return the plans that wait for a person, oldest first."""
    table = tables.plans
    waiting = (PlanState.AWAITING_APPROVAL.value, PlanState.SUGGESTED.value)
    query = select(table.c.body, table.c.verdict).where(table.c.tenant == tenant, table.c.state.in_(waiting))
    return _plans(connection, connection.execute(query.order_by(table.c.decided_ms, table.c.id).limit(100)))
