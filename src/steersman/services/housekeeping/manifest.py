"""Everything that housekeeping declares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from steersman.contract.ports import Context, Ports
from steersman.contract.service import Job, Measurement, Service, Signal, SignalKind
from steersman.model.entities import EntityKind
from steersman.services.housekeeping.actions import ACTIONS
from steersman.services.housekeeping.jobs import watch
from steersman.services.housekeeping.model import HousekeepingSettings
from steersman.services.housekeeping.store.declared import Housekeeping, declared


def _gauge(name: str, help: str) -> Signal:
    return Signal(
        name=name,
        kind=SignalKind.GAUGE,
        help=help,
        unit="bytes",
        labels=("path", "service"),
        entity=EntityKind.SERVICE,
        identified_by="service",
    )


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[Housekeeping]:
    """Resolve the declared folders before anything looks at them."""
    yield Housekeeping(declared(ports.settings.section(HousekeepingSettings), str(ports.data_dir)))


def measure(context: Context) -> Iterable[Measurement]:
    """Tell the figures of the last look."""
    state: Housekeeping = context.state
    for policy in state.looking.settings.paths:
        usage = state.looking.usage.get(policy.path)
        if usage is not None:
            labels = (policy.path, policy.service)
            yield Measurement("steersman_housekeeping_used_bytes", float(usage.used), labels)
            yield Measurement("steersman_housekeeping_quota_bytes", float(usage.limit), labels)


SERVICE = Service(
    name="housekeeping",
    help="Keeps declared folders within their bounds: rotates, compresses, quarantines and deletes by policy.",
    prefixes=("/api/housekeeping",),
    settings=HousekeepingSettings,
    lifespan=lifespan,
    measure=measure,
    permissions={"housekeeping.files.write": "Act upon files in declared folders, within their policy."},
    signals=(
        _gauge("steersman_housekeeping_used_bytes", "Bytes that the files in a declared folder have."),
        _gauge("steersman_housekeeping_quota_bytes", "Bytes to which a declared folder can grow."),
    ),
    actions=ACTIONS,
    jobs=(Job(name="watch", run=watch),),
)
