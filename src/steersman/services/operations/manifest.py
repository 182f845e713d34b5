"""Everything that operations declares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from steersman.contract.ports import Observer, Ports
from steersman.contract.service import Job, Service
from steersman.services.operations.jobs.alerts import AlertIntake
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.logic.bulletin import Bulletin
from steersman.services.operations.store.tables import prepare
from steersman.services.operations.web import PERMISSIONS, RAW_ROUTES, ROUTES
from steersman.services.operations.web.answers import Answers


@dataclass(frozen=True, slots=True)
class OperationsState:
    """What handlers and jobs share."""

    inbox: Inbox
    bulletin: Bulletin
    answers: Answers
    alerts: AlertIntake

    @property
    def provided(self) -> dict[type, object]:
        """What other services may ask for."""
        return {Observer: self.inbox}


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[OperationsState]:
    """Prepare the loop; the jobs make it turn."""
    prepare(ports.database)
    inbox, bulletin = Inbox(), Bulletin()
    yield OperationsState(
        inbox=inbox,
        bulletin=bulletin,
        answers=Answers(bulletin),
        alerts=AlertIntake(ports.database, ports.clock, inbox),
    )


SERVICE = Service(
    name="operations",
    help="The loop: correlates what is found, explains it, decides, acts through guards, verifies and learns.",
    prefixes=(
        "/api/ops/status",
        "/api/ops/health",
        "/api/ops/metrics",
        "/api/ops/anomalies",
        "/api/ops/incidents",
        "/api/ops/diagnoses",
        "/api/ops/plans",
        "/api/ops/actions",
        "/api/ops/lessons",
        "/api/ops/policies",
        "/api/ops/drills",
        "/api/ops/topology",
        "/api/ops/changes",
        "/api/ops/stream",
        "/api/v2",
    ),
    lifespan=lifespan,
    provides=(Observer,),
    permissions=PERMISSIONS,
    routes=ROUTES,
    raw_routes=RAW_ROUTES,
    jobs=(Job(name="alerts", run=lambda ctx: ctx.state.alerts.run()),),
)
