"""Everything that operations declares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from steersman.contract.ports import Observer, Ports
from steersman.contract.service import Service
from steersman.services.operations.jobs.inbox import Inbox


@dataclass(frozen=True, slots=True)
class OperationsState:
    """What handlers and jobs share."""

    inbox: Inbox

    @property
    def provided(self) -> dict[type, object]:
        """What other services may ask for."""
        return {Observer: self.inbox}


@asynccontextmanager
async def lifespan(_ports: Ports) -> AsyncIterator[OperationsState]:
    """Prepare the loop; the jobs make it turn."""
    yield OperationsState(Inbox())


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
)
