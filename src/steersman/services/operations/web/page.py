"""The page `/ops` of the console: what is wrong, why, what was done about it, and what waits for a person.

It shows one incident, the one that `?incident=` names or else the newest that is open. Everything on it is also in the
REST interface, which its buttons call; it has no power of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import Context
from steersman.contract.service import Page
from steersman.model.entities import CauseKind
from steersman.model.errors import NotFound
from steersman.model.incidents import IncidentState
from steersman.services.operations.logic import page as words
from steersman.services.operations.logic import views
from steersman.services.operations.logic.guards import APPROVE
from steersman.services.operations.model import wire
from steersman.services.operations.store import loading, reading
from steersman.services.operations.web import approvals, incidents, policies, status
from steersman.services.operations.web.answers import now_ms

if TYPE_CHECKING:
    from sqlalchemy import Connection

_OPEN, _PAST, _DONE, _LESSONS = 40, 8, 8, 8
_STATES = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.MITIGATED)


def view(ctx: Context) -> Mapping[str, Any]:
    """Read everything in one transaction, so that the parts of the page agree."""
    tenant = ctx.caller.tenant
    seconds = approvals.waiting(ctx) if ctx.caller.may(approvals.READ) else []
    with ctx.ports.database.reading() as connection:
        current = [one for state in _STATES for one in _listed(connection, ctx, state, _OPEN)]
        current.sort(key=lambda one: (-one.opened_ms, one.id))
        past = _listed(connection, ctx, IncidentState.RESOLVED, _PAST)
        shown = _shown(connection, ctx, [*current, *past])
        return {
            "now": now_ms(ctx),
            "head": reading.journal_head(connection),
            "standing": status.the_standing(ctx, connection),
            "turning": status.loop_view(ctx),
            "current": current,
            "past": past,
            "shown": shown,
            "rows": _rows(connection, ctx, shown),
            "awaiting": reading.awaiting(connection, tenant),
            "seconds": seconds,
            "done": reading.plan_page(connection, tenant, wire.PlanQuery(limit=_DONE)).plans,
            "lessons": _lessons(connection, ctx),
            "may": _may(ctx),
            "words": words,
            "causes": frozenset(CauseKind),
        }


def _listed(connection: Connection, ctx: Context, state: IncidentState, limit: int) -> list[wire.IncidentSummary]:
    query = wire.IncidentQuery(state=state, limit=limit)
    return reading.incident_page(connection, ctx.caller.tenant, query).incidents


def _shown(connection: Connection, ctx: Context, listed: list[wire.IncidentSummary]) -> wire.IncidentDetail | None:
    """Return the incident that is asked for, or the newest; one that is gone shows nothing in its place."""
    wanted = ctx.query.get("incident") or (listed[0].id if listed else None)
    if wanted is None:
        return None
    try:
        return reading.incident_detail(connection, ctx.caller.tenant, wanted)
    except NotFound:
        return None


def _rows(connection: Connection, ctx: Context, shown: wire.IncidentDetail | None) -> list[words.Row]:
    if shown is None:
        return []
    return [words.row(line) for line in reading.timeline(connection, ctx.caller.tenant, shown.id).entries]


def _lessons(connection: Connection, ctx: Context) -> list[wire.LessonDetail]:
    newest = sorted(loading.lessons(connection, ctx.caller.tenant), key=lambda lesson: -lesson.updated_ms)
    return [views.lesson_detail(lesson) for lesson in newest[:_LESSONS]]


def _may(ctx: Context) -> dict[str, bool]:
    """Which buttons the reader is shown."""
    return {
        "write": ctx.caller.may(incidents.WRITE),
        "approve": ctx.caller.may(APPROVE),
        "policy": ctx.caller.may(policies.WRITE),
    }


PAGES = (
    Page(
        path="/ops",
        title="Operations",
        title_zh="运维",
        template="ops/page.html",
        view=view,
        permission=incidents.READ,
    ),
)
