"""Everything that runbooks declares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from steersman.contract.ports import Masking, Ports, Secrets
from steersman.contract.service import Job, Service
from steersman.services.runbooks.actions import ACTIONS, PERMISSION
from steersman.services.runbooks.jobs import PERSONAL, declare
from steersman.services.runbooks.model import RunbookSettings
from steersman.services.runbooks.store import Runs, opened


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[Runs]:
    """Keep the declared runbooks at hand."""
    yield opened(ports.settings.section(RunbookSettings), ports.data_dir)


SERVICE = Service(
    name="runbooks",
    help="Runs the commands and webhooks that the owner declared as remedies.",
    prefixes=("/api/runbooks",),
    settings=RunbookSettings,
    requires=(Secrets, Masking),
    lifespan=lifespan,
    permissions={PERMISSION: "Run what is declared as a runbook."},
    personal=PERSONAL,
    actions=ACTIONS,
    jobs=(Job(name="declare", run=declare),),
)
