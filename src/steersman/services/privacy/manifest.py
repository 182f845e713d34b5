"""Everything that privacy declares about itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from steersman.contract.ports import Ports
from steersman.contract.service import Event, Job, Service
from steersman.runtime.masking import PrivacySettings
from steersman.services.privacy.commands import COMMANDS
from steersman.services.privacy.jobs import resume, retain
from steersman.services.privacy.store.persons import PERSONAL
from steersman.services.privacy.store.requests import prepare
from steersman.services.privacy.web import ERASE, EXPORT, PAGES, READ, ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[None]:
    """Bring the table up to date."""
    await asyncio.to_thread(prepare, ports.database)
    yield None


SERVICE = Service(
    name="privacy",
    help="Tells what is kept about persons, exports it, takes it away, and keeps nothing longer than needed.",
    prefixes=("/api/privacy", "/privacy"),
    settings=PrivacySettings,
    lifespan=lifespan,
    permissions={
        READ: "See the record of processing and the erasures.",
        EXPORT: "Read all that is kept about somebody.",
        ERASE: "Take away what is kept about somebody, for good.",
    },
    personal=PERSONAL,
    events=(
        Event(name="privacy.data.exported", version=1, help="Somebody read all that is kept about a person."),
        Event(name="privacy.erasure.asked", version=1, help="A person's data is to be taken away."),
        Event(name="privacy.erasure.done", version=1, help="It was taken away; with what became of each kind."),
    ),
    routes=ROUTES,
    pages=PAGES,
    commands=COMMANDS,
    jobs=(Job(name="resume", run=resume), Job(name="retain", run=retain)),
)
