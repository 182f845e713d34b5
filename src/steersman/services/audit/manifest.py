"""Everything that audit declares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from steersman.contract.ports import Context, Ports
from steersman.contract.service import Invariant, Job, Measurement, Service, Signal, SignalKind
from steersman.model.errors import Temporary
from steersman.runtime.keyfile import IN_THE_CLEAR
from steersman.runtime.keys.keyring import KeyRing
from steersman.services.audit.commands import COMMANDS
from steersman.services.audit.jobs import follow
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store.keys import KEY_FILE, PURPOSE, exposed_key
from steersman.services.audit.store.log import AuditLog
from steersman.services.audit.store.watching import Patrol
from steersman.services.audit.web import PERMISSIONS, ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[Patrol]:
    """Check key, tables and file against each other before anything is added; sign what is left at the end."""
    settings, ring = ports.settings.section(AuditSettings), ports.provided.get(KeyRing)
    file = IN_THE_CLEAR if ring is None else ring.file(PURPOSE)
    log = await asyncio.to_thread(AuditLog.open, ports.database, ports.clock, settings, ports.data_dir, file)
    yield Patrol(log)
    with suppress(Temporary):
        # A database that is away keeps what it has; the next start goes on from there.
        await asyncio.to_thread(log.finish)


def measure(context: Context) -> Iterable[Measurement]:
    """Tell how far the tree and the newest checkpoint are."""
    log = context.state.log
    signed = 0 if log.signed is None else log.signed.checkpoint.size
    yield Measurement("steersman_audit_leaves_total", float(log.head.size))
    yield Measurement("steersman_audit_unsigned_entries", float(max(0, log.head.size - signed)))


SERVICE = Service(
    name="audit",
    help="Makes every later change of the journal show: a Merkle tree over its entries and signed checkpoints.",
    prefixes=("/api/audit",),
    settings=AuditSettings,
    lifespan=lifespan,
    measure=measure,
    permissions=PERMISSIONS,
    # Entries are read by tenant; checkpoints say nothing but how many there are.
    tenanted=frozenset({"audit.evidence.read", "audit.personal.read"}),
    # Asked for inside of the reading of entries.
    used_within=frozenset({"audit.personal.read"}),
    signals=(
        Signal(
            name="steersman_audit_leaves_total",
            kind=SignalKind.COUNTER,
            help="Entries of the journal that the tree has taken in.",
        ),
        Signal(
            name="steersman_audit_unsigned_entries",
            kind=SignalKind.GAUGE,
            help="Entries in the tree that no checkpoint covers yet.",
        ),
    ),
    invariants=(
        Invariant(
            name="evidence",
            help="The newest checkpoint agrees with the journal.",
            severity="critical",
            check=lambda context: context.state.disagreement(),
        ),
        Invariant(
            name="audit_key_private",
            help="Only the owner of the data directory can sign checkpoints.",
            severity="critical",
            check=lambda context: exposed_key(context.ports.data_dir / KEY_FILE),
        ),
        Invariant(
            name="audit_witness",
            help="The witness elsewhere takes every checkpoint.",
            severity="warning",
            check=lambda context: context.state.log.witness.failure,
        ),
    ),
    routes=ROUTES,
    commands=COMMANDS,
    jobs=(Job(name="follow", run=follow),),
)
