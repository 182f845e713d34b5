"""What the loop reads at its start: everything that is not finished, and everything that was learnt."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from steersman.model.changes import Change
from steersman.model.findings import Finding
from steersman.model.ids import Tenant
from steersman.model.incidents import Incident, IncidentState
from steersman.model.plans import Lesson, Plan
from steersman.services.operations.store import tables
from steersman.services.operations.store.recording import ENDED
from steersman.services.operations.store.values import change_of, finding_of, incident_of, plan_of

#: A change that is older than this explains nothing that happens now.
_CHANGES_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Open incidents, active findings, unfinished plans, lessons, and the changes of the last hour; oldest first."""

    incidents: tuple[Incident, ...] = ()
    findings: tuple[Finding, ...] = ()
    plans: tuple[Plan, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    changes: tuple[Change, ...] = ()


def remember(connection: Connection, tenant: Tenant, now_ms: int) -> Remembered:
    """Read what a loop that starts now has to go on with."""
    return Remembered(
        incidents=_incidents(connection, tenant),
        findings=_findings(connection, tenant),
        plans=_plans(connection, tenant),
        lessons=lessons(connection, tenant),
        changes=_changes(connection, tenant, now_ms - _CHANGES_MS),
    )


def _incidents(connection: Connection, tenant: Tenant) -> tuple[Incident, ...]:
    table = tables.incidents
    query = select(table.c.body).where(table.c.tenant == tenant, table.c.state != IncidentState.RESOLVED.value)
    rows = connection.execute(query.order_by(table.c.opened_ms, table.c.id)).scalars()
    return tuple(incident_of(body) for body in rows)


def _findings(connection: Connection, tenant: Tenant) -> tuple[Finding, ...]:
    table = tables.findings
    query = select(table.c.body).where(table.c.tenant == tenant, table.c.active.is_(True)).order_by(table.c.seq)
    return tuple(finding_of(body) for body in connection.execute(query).scalars())


def _plans(connection: Connection, tenant: Tenant) -> tuple[Plan, ...]:
    table = tables.plans
    ended = sorted(state.value for state in ENDED)
    query = select(table.c.body).where(table.c.tenant == tenant, table.c.state.not_in(ended))
    rows = connection.execute(query.order_by(table.c.decided_ms, table.c.id)).scalars()
    return tuple(plan_of(body) for body in rows)


def lessons(connection: Connection, tenant: Tenant) -> tuple[Lesson, ...]:
    """Return every lesson, by action and situation."""
    table = tables.lessons
    query = select(table).where(table.c.tenant == tenant).order_by(table.c.action, table.c.situation)
    return tuple(
        Lesson(
            action=row.action,
            situation=row.situation,
            helped=row.helped,
            failed=row.failed,
            updated_ms=row.updated_ms,
        )
        for row in connection.execute(query)
    )


def _changes(connection: Connection, tenant: Tenant, since_ms: int) -> tuple[Change, ...]:
    table = tables.changes
    query = select(table.c.body).where(table.c.tenant == tenant, table.c.time_ms >= since_ms)
    rows = connection.execute(query.order_by(table.c.time_ms, table.c.id)).scalars()
    return tuple(change_of(body) for body in rows)
