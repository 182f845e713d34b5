"""Everything that workloads declares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from steersman.contract.ports import Context, Observer, Ports
from steersman.contract.service import Job, Measurement, Service, Signal, SignalKind
from steersman.model.entities import EntityKind
from steersman.model.findings import Aspect
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.services.workloads.actions import ACTIONS
from steersman.services.workloads.jobs.changes import is_watched, watch_changes
from steersman.services.workloads.jobs.connections import watch_connections
from steersman.services.workloads.jobs.keep import start_services, watch_services
from steersman.services.workloads.jobs.probes import probe_services
from steersman.services.workloads.jobs.tail import LogCounts, tail_logs
from steersman.services.workloads.logic.health import healthy_share
from steersman.services.workloads.model.replicas import Replica
from steersman.services.workloads.model.settings import WorkloadsSettings
from steersman.services.workloads.store.fleet import Fleet
from steersman.services.workloads.store.view import FleetView
from steersman.services.workloads.web.services import PAGES, ROUTES


@dataclass(frozen=True, slots=True)
class WorkloadsState:
    """What handlers and jobs share. `looking` is all that a preview gets."""

    fleet: Fleet
    looking: FleetView
    logs: LogCounts


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[WorkloadsState]:
    """Take up what still runs; the jobs start what does not. Services run on when the platform ends."""
    settings = ports.settings.section(WorkloadsSettings)
    fleet = Fleet(settings.services, ports.data_dir / "services", ports.clock, ports.ids)
    yield WorkloadsState(fleet, fleet.view, LogCounts())
    if settings.stop_with_platform:
        await asyncio.to_thread(fleet.stop_all)


def _observer(ctx: Context) -> Observer:
    found: Observer = ctx.ports.get(Observer)  # type: ignore[type-abstract] # a port is asked for by its protocol
    return found


async def _start(ctx: Context) -> None:
    if ctx.state.looking.definitions:
        await start_services(ctx.state.fleet, ctx.ports.clock)


async def _watch(ctx: Context) -> None:
    if ctx.state.looking.definitions:
        await watch_services(ctx.state.fleet, ctx.ports.clock, _observer(ctx))


async def _changes(ctx: Context) -> None:
    if any(is_watched(definition) for definition in ctx.state.looking.definitions.values()):
        await watch_changes(ctx.state.fleet, ctx.ports.clock, _observer(ctx))


async def _connections(ctx: Context) -> None:
    if ctx.state.looking.definitions:
        await watch_connections(ctx.state.looking, ctx.ports.clock, _observer(ctx))


async def _tail(ctx: Context) -> None:
    if ctx.state.looking.definitions:
        store = ctx.ports.get(TelemetryStore)
        await tail_logs(ctx.state.looking, ctx.ports.clock, store.write, ctx.state.logs)


async def _probe(ctx: Context) -> None:
    if any(definition.health for definition in ctx.state.looking.definitions.values()):
        await probe_services(ctx.state.fleet, ctx.ports.clock)


def _signal(
    name: str, kind: SignalKind, help: str, aspect: Aspect, unit: str = "", healthy: tuple[float, float] | None = None
) -> Signal:
    return Signal(
        name=f"steersman_services_{name}",
        kind=kind,
        help=help,
        aspect=aspect,
        unit=unit,
        healthy=healthy,
        labels=("service",),
        entity=EntityKind.SERVICE,
        identified_by="service",
    )


_GAUGE, _COUNTER = SignalKind.GAUGE, SignalKind.COUNTER
SIGNALS = (
    _signal("replicas", _GAUGE, "Replicas that run.", Aspect.OTHER),
    _signal(
        "healthy", _GAUGE, "Share of the wanted replicas that are well or starting.", Aspect.AVAILABILITY, "", (1, 1)
    ),
    _signal("starts_total", _COUNTER, "Starts of its processes, ever.", Aspect.OTHER),
    _signal("exits_total", _COUNTER, "Ends of its processes that nobody wanted, ever.", Aspect.RESTARTS),
    _signal("cpu_seconds_total", _COUNTER, "CPU time of its running processes.", Aspect.CPU),
    _signal("resident_bytes", _GAUGE, "Resident memory of its processes.", Aspect.MEMORY, "bytes"),
    _signal("threads", _GAUGE, "Threads of its processes.", Aspect.THREADS),
    _signal("log_lines_total", _COUNTER, "Lines that it wrote.", Aspect.LOG_VOLUME),
    _signal("log_lines_dropped_total", _COUNTER, "Lines above its rate, which were not kept.", Aspect.OTHER),
    _signal("open_files", _GAUGE, "Open descriptors of its processes.", Aspect.DESCRIPTORS),
)


def measure(ctx: Context) -> Iterable[Measurement]:
    """Tell what the last look saw; nothing here waits."""
    view: FleetView = ctx.state.looking
    for name in view.definitions:
        replicas = view.replicas(name)
        figures = {
            "replicas": float(sum(1 for one in replicas if one.identity is not None)),
            "healthy": healthy_share([view.condition(one) for one in replicas]),
            "log_lines_total": float(ctx.state.logs.seen[name]),
            "log_lines_dropped_total": float(ctx.state.logs.dropped[name]),
            **_sums(replicas),
        }
        for figure, value in figures.items():
            yield Measurement(f"steersman_services_{figure}", value, (name,))


def _sums(replicas: list[Replica]) -> dict[str, float]:
    return {
        "starts_total": float(sum(one.starts for one in replicas)),
        "exits_total": float(sum(one.exits for one in replicas)),
        "cpu_seconds_total": sum(one.usage.cpu_seconds for one in replicas),
        "resident_bytes": float(sum(one.usage.resident_bytes for one in replicas)),
        "threads": float(sum(one.usage.threads for one in replicas)),
        "open_files": float(sum(one.usage.open_files for one in replicas)),
    }


SERVICE = Service(
    name="workloads",
    help="Runs and supervises the services of this machine that the settings name, and can act upon them.",
    prefixes=("/api/workloads", "/services"),
    settings=WorkloadsSettings,
    section="services",
    lifespan=lifespan,
    measure=measure,
    requires=(TelemetryStore, Observer),
    permissions={
        "workloads.services.read": "See the services of this machine and how they are doing.",
        "workloads.logs.read": "Read what services of this machine write.",
        "workloads.services.operate": "Start, stop and change services of this machine.",
    },
    signals=SIGNALS,
    actions=ACTIONS,
    routes=ROUTES,
    pages=PAGES,
    jobs=(
        Job(name="start", run=_start),
        Job(name="watch", run=_watch),
        Job(name="health", run=_probe),
        Job(name="changes", run=_changes),
        Job(name="connections", run=_connections),
        Job(name="logs", run=_tail),
    ),
)
