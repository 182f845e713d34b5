"""Everything that security declares about itself. It detects; what is done about it are actions of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from steersman.contract.ports import Context, Ports
from steersman.contract.service import Event, Invariant, Job, Measurement, Service, Signal, SignalKind
from steersman.runtime.http.guard import Guard
from steersman.runtime.identity.identity import Identity
from steersman.services.security.actions import ACTIONS
from steersman.services.security.jobs import share_failures, watch
from steersman.services.security.model.permissions import PERMISSIONS
from steersman.services.security.model.settings import SecuritySettings
from steersman.services.security.store.defence import Defence
from steersman.services.security.store.personal import PERSONAL
from steersman.services.security.web import PAGES, ROUTES


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[Defence]:
    """Put into force what held before, and the lists, before anything else starts."""
    yield await asyncio.to_thread(Defence.open, ports)


def measure(context: Context) -> Iterable[Measurement]:
    """Tell the counts since the start, from memory."""
    defence: Defence = context.state
    for (kind, refused), count in dict(defence.guard.attacks).items():
        yield Measurement("steersman_security_attacks_total", float(count), (kind, "yes" if refused else "no"))
    yield Measurement("steersman_security_kept_out_total", float(defence.guard.kept_out))
    yield Measurement("steersman_security_suspects", float(len(defence.suspects)))


SERVICE = Service(
    name="security",
    help="Recognises attacks in what callers send, says why, and keeps attackers out for a while.",
    prefixes=("/api/security", "/security"),
    settings=SecuritySettings,
    requires=(Guard, Identity),
    lifespan=lifespan,
    measure=measure,
    permissions=PERMISSIONS,
    personal=PERSONAL,
    signals=(
        Signal(
            name="steersman_security_attacks_total",
            kind=SignalKind.COUNTER,
            help="Requests with an attack in them, by kind and whether they were refused.",
            labels=("kind", "refused"),
        ),
        Signal(
            name="steersman_security_kept_out_total",
            kind=SignalKind.COUNTER,
            help="Requests of addresses that are refused or slowed down.",
        ),
        Signal(
            name="steersman_security_suspects",
            kind=SignalKind.GAUGE,
            help="Addresses and accounts that behave like an attacker's now.",
        ),
    ),
    invariants=(
        Invariant(
            name="lists_readable",
            help="Every line of the lists of addresses is one.",
            severity="warning",
            check=lambda context: context.state.lists.complaint(),
        ),
    ),
    events=(
        Event("security.attack.seen", 1, "A request held an attack: its kind, where it was, whether it was refused."),
        Event("security.session.interleaved", 1, "A session was used from two networks in turn, by which programs."),
        Event("security.objects.probed", 1, "A caller was refused many different objects within minutes."),
        Event("security.measure.lifted", 1, "A person ended a measure before its time."),
    ),
    actions=ACTIONS,
    routes=ROUTES,
    pages=PAGES,
    jobs=(Job(name="watch", run=watch), Job(name="failures", run=share_failures)),
)
