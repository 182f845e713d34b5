"""Everything that secrets declares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from steersman.contract.ports import Context, Ports, Secrets
from steersman.contract.service import Event, Invariant, Job, Measurement, Service, Signal, SignalKind
from steersman.runtime.keys.keyring import KeyRing, exposed
from steersman.runtime.keys.settings import KeySettings
from steersman.runtime.logs import Logs
from steersman.services.secrets.actions import ACTIONS
from steersman.services.secrets.commands import COMMANDS
from steersman.services.secrets.jobs import renew
from steersman.services.secrets.model.permissions import PERMISSIONS
from steersman.services.secrets.store.safe import Safe
from steersman.services.secrets.web import ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[Safe]:
    """Bring the table up to date before anybody asks for a secret."""
    yield await asyncio.to_thread(Safe.open, ports)


def measure(context: Context) -> Iterable[Measurement]:
    """Count the keys by state, from memory."""
    states = [str(key.state) for key in context.state.ring.ring.keys]
    for state in ("active", "previous", "retired"):
        yield Measurement("steersman_secrets_keys", float(states.count(state)), (state,))


SERVICE = Service(
    name="secrets",
    help="Keeps secrets under a name, resolves references to them at use, and rotates the keys that seal them.",
    prefixes=("/api/secrets",),
    settings=KeySettings,
    requires=(KeyRing, Logs),
    provides=(Secrets,),
    lifespan=lifespan,
    measure=measure,
    permissions=PERMISSIONS,
    impersonal={"secrets_named.name": "the name of a secret"},
    signals=(
        Signal(
            name="steersman_secrets_keys",
            kind=SignalKind.GAUGE,
            help="Keys of the ring; a previous one is there while what it sealed is being renewed.",
            labels=("state",),
        ),
    ),
    invariants=(
        Invariant(
            name="keys_private",
            help="Only the owner of the data directory can read the root key and the ring.",
            severity="critical",
            check=lambda context: exposed(context.ports.data_dir / "secrets"),
        ),
    ),
    events=(
        Event("secrets.secret.set", 1, "A secret was given a value; whether it is a new one. Never the value."),
        Event("secrets.secret.removed", 1, "A secret was forgotten."),
        Event("secrets.secret.shown", 1, "Somebody read the value of a secret back."),
        Event("secrets.key.rotated", 1, "A new key seals from now on; the one before."),
        Event("secrets.key.retired", 1, "A scan has shown that nothing refers to a key any more."),
        Event("secrets.key.destroyed", 1, "A retired key was forgotten for good."),
        Event("secrets.root.changed", 1, "The root key is changed for another one; told before it happens."),
    ),
    actions=ACTIONS,
    routes=ROUTES,
    commands=COMMANDS,
    jobs=(Job(name="renew", run=renew),),
)
