"""Everything that privacy declares about itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from steersman.contract.ports import Ports, Sealing, Subjects
from steersman.contract.service import Event, Job, Service
from steersman.runtime.house import House
from steersman.runtime.identity.identity import Identity
from steersman.runtime.masking import PrivacySettings
from steersman.services.privacy.commands import COMMANDS
from steersman.services.privacy.jobs import erase, retain
from steersman.services.privacy.store.desk import Desk
from steersman.services.privacy.store.impersonal import IMPERSONAL
from steersman.services.privacy.store.persons import PERSONAL
from steersman.services.privacy.store.retention import check_names
from steersman.services.privacy.store.tables import prepare
from steersman.services.privacy.web import ERASE, EXPORT, HOLD, PAGES, READ, ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[Desk]:
    """Bring the tables up to date; raises `InvalidInput` where the settings name a kind of data that is not there."""
    check_names(ports.get(House), ports.settings.section(PrivacySettings))
    await asyncio.to_thread(prepare, ports.database)
    yield Desk(asyncio.get_running_loop())


SERVICE = Service(
    name="privacy",
    help="Tells what is kept about persons, exports it, takes it away, and keeps nothing longer than needed.",
    prefixes=("/api/privacy", "/privacy"),
    settings=PrivacySettings,
    lifespan=lifespan,
    requires=(House, Identity, Subjects, Sealing),
    permissions={
        READ: "See the record of processing, the erasures and the holds.",
        EXPORT: "Read all that is kept about somebody.",
        ERASE: "Take away what is kept about somebody, for good.",
        HOLD: "Place and lift legal holds.",
    },
    personal=PERSONAL,
    impersonal=IMPERSONAL,
    events=(
        Event(name="privacy.data.exported", version=1, help="Somebody read all that is kept about a person."),
        Event(name="privacy.erasure.asked", version=1, help="A person's data is to be taken away."),
        Event(name="privacy.erasure.done", version=1, help="It was taken away; with what became of each kind."),
        Event(name="privacy.hold.placed", version=1, help="A legal hold keeps somebody's data; why."),
        Event(name="privacy.hold.lifted", version=1, help="A legal hold was lifted; why."),
        Event(name="privacy.retention.applied", version=1, help="Data of one kind ended by time; how much of it."),
    ),
    routes=ROUTES,
    pages=PAGES,
    commands=COMMANDS,
    jobs=(Job(name="erase", run=erase), Job(name="retain", run=retain)),
)
