"""The platform's own questions and answers under /api/platform."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query

from steersman import __version__
from steersman.contract.ports import Context, JournalEntry
from steersman.contract.service import Route
from steersman.runtime.house import ITSELF, House
from steersman.runtime.settings import LoadedSettings
from steersman.runtime.supervisor import TaskSupervisor
from steersman.services.platform import model
from steersman.services.platform.logic import describe, without_secrets


async def status(context: Context) -> model.Status:
    house = context.ports.get(House)
    checks = [model.Check(name=c.name, ready=c.ready, detail=c.detail) for c in house.health()]
    tasks = [
        model.Task(name=t.name, activity=t.activity, restarts=t.restarts, last_error=t.last_error)
        for t in context.ports.get(TaskSupervisor).states()
    ]
    return model.Status(
        version=__version__,
        ready=all(check.ready for check in checks),
        uptime_seconds=context.ports.clock.monotonic() - context.state.started_at,
        startup_seconds=house.startup_seconds,
        checks=checks,
        tasks=tasks,
    )


def services(context: Context) -> list[dict[str, Any]]:
    return [describe(service) for service in context.ports.get(House).services]


def journal(
    context: Context,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> model.JournalPage:
    entries = context.ports.journal.read(after=after, limit=limit, tenant=context.caller.tenant)
    return model.JournalPage(
        entries=[_entry(entry) for entry in entries],
        next=entries[-1].seq if entries else after,
    )


def _entry(entry: JournalEntry) -> model.Entry:
    return model.Entry(
        seq=entry.seq,
        id=entry.id,
        time_ns=entry.time_ns,
        actor=entry.actor,
        type=entry.type,
        subject=entry.subject,
        payload=dict(entry.payload),
        cause=entry.cause,
    )


def settings(context: Context) -> model.Settings:
    loaded = context.ports.get(LoadedSettings)
    sections = {"house": without_secrets(loaded.house)}
    for service in context.ports.get(House).services:
        if service.settings is not None:
            sections[service.section_name] = without_secrets(loaded.by_kind[service.settings])
    return model.Settings(sections=sections)


def invariants(context: Context) -> list[model.InvariantResult]:
    house = context.ports.get(House)
    return [
        model.InvariantResult(
            service=service.name,
            name=invariant.name,
            severity=invariant.severity,
            violation=invariant.check(house.context(service, ITSELF)),
        )
        for service in house.services
        for invariant in service.invariants
    ]


ROUTES = (
    Route(
        method="GET",
        path="/api/platform/status",
        handler=status,
        permission="platform.status.read",
        summary="How the platform is doing: readiness, background tasks, uptime.",
    ),
    Route(
        method="GET",
        path="/api/platform/services",
        handler=services,
        permission="platform.status.read",
        summary="What every service declares: signals, actions, knobs, permissions.",
    ),
    Route(
        method="GET",
        path="/api/platform/journal",
        handler=journal,
        permission="platform.journal.read",
        summary="The journal of everything that was decided and done, in order.",
    ),
    Route(
        method="GET",
        path="/api/platform/settings",
        handler=settings,
        permission="platform.settings.read",
        summary="The settings in force, without secrets.",
    ),
    Route(
        method="GET",
        path="/api/platform/invariants",
        handler=invariants,
        permission="platform.status.read",
        summary="Check now what must always hold, and say what does not.",
        errors=(503,),
    ),
)
