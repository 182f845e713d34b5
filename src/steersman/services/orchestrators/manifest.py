"""Everything that orchestrators declares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from steersman.contract.ports import Ports
from steersman.contract.service import Job, Service
from steersman.services.orchestrators.actions import ACTIONS
from steersman.services.orchestrators.jobs import watch
from steersman.services.orchestrators.model import OrchestratorSettings
from steersman.services.orchestrators.store.connections import Asking, Orchestrators


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[Orchestrators]:
    """Keep what is configured; nothing is connected to yet."""
    yield Orchestrators(Asking(ports.settings.section(OrchestratorSettings)))


SERVICE = Service(
    name="orchestrators",
    help="Acts upon systemd units, Docker containers and Kubernetes deployments.",
    prefixes=("/api/orchestrators",),
    settings=OrchestratorSettings,
    lifespan=lifespan,
    permissions={
        "orchestrators.units.control": "Start, stop and signal systemd units.",
        "orchestrators.containers.control": "Start, stop, signal and limit Docker containers.",
        "orchestrators.deployments.control": "Restart, scale and roll back Kubernetes deployments, and delete pods.",
    },
    actions=ACTIONS,
    jobs=(Job(name="watch", run=watch),),
)
