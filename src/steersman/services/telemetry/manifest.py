"""Everything the telemetry service declares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from steersman.contract.ports import Context, Masking, Ports
from steersman.contract.service import Health, Invariant, Job, Measurement, Service, Signal, SignalKind
from steersman.runtime.logs import Logs
from steersman.runtime.telemetry.store import TelemetryStore
from steersman.runtime.tracing import Tracing
from steersman.services.telemetry.commands import COMMANDS
from steersman.services.telemetry.jobs.host import watch_machine, watch_processes
from steersman.services.telemetry.jobs.live import fill, host_facts, recall
from steersman.services.telemetry.jobs.masked import write_masked
from steersman.services.telemetry.jobs.own import take_own
from steersman.services.telemetry.jobs.personal import PERSONAL
from steersman.services.telemetry.jobs.scrape import jobs_of, scrape_targets
from steersman.services.telemetry.jobs.sources import Intake, Sources, Write
from steersman.services.telemetry.jobs.syslog import listen_tcp, listen_udp
from steersman.services.telemetry.logic.live import Live
from steersman.services.telemetry.model import TelemetrySettings
from steersman.services.telemetry.store import OpenStore, open_store
from steersman.services.telemetry.web import intake, live, prometheus, search, warehouse


@dataclass(frozen=True, slots=True)
class TelemetryState:
    """What handlers and jobs share."""

    store: TelemetryStore
    settings: TelemetrySettings
    intake: Intake
    live: Live
    loop: asyncio.AbstractEventLoop

    @property
    def provided(self) -> dict[type, object]:
        """What other services may ask for."""
        return {TelemetryStore: self.store}


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[TelemetryState]:
    """Open the store and prepare the senses; the jobs make them work."""
    async with open_store(ports) as opened:
        sources = Sources()
        yield TelemetryState(
            store=opened.store,
            settings=opened.settings,
            intake=Intake(write=_writing(ports, opened), clock=ports.clock, sources=sources),
            live=Live(host=host_facts(), sources=sources.rows, store=opened.store.stats),
            loop=asyncio.get_running_loop(),
        )


def _writing(ports: Ports, opened: OpenStore) -> Write:
    """Return the way into the store: the store's own, unless logs are to be masked first."""
    if not opened.settings.mask_logs:
        return opened.store.write
    masking: Masking = ports.provided[Masking]
    return partial(write_masked, opened.store, masking)


async def _restore(ctx: Context) -> None:
    """Make what the disk holds readable, then give the page its last minutes."""
    store: TelemetryStore = ctx.state.store
    await store.restore()
    await recall(ctx.state.live.feed, store.queries.select, ctx.ports.clock)


async def _watch_host(ctx: Context) -> None:
    settings = ctx.state.settings.host
    if settings.enabled:
        await watch_machine(ctx.state.intake, settings)


async def _watch_processes(ctx: Context) -> None:
    settings = ctx.state.settings.host
    if settings.enabled:
        await watch_processes(ctx.state.intake, settings)


async def _scrape(ctx: Context) -> None:
    if jobs := jobs_of(ctx.state.settings):
        await scrape_targets(ctx.state.intake, jobs)


async def _syslog_tcp(ctx: Context) -> None:
    if address := ctx.state.settings.syslog_tcp:
        await listen_tcp(ctx.state.intake, address)


async def _syslog_udp(ctx: Context) -> None:
    if address := ctx.state.settings.syslog_udp:
        await listen_udp(ctx.state.intake, address)


JOBS = (
    Job(name="restore", run=_restore),
    Job(name="checkpoints", run=lambda ctx: ctx.state.store.checkpoints.run()),
    Job(name="upkeep", run=lambda ctx: ctx.state.store.upkeep.run()),
    Job(name="host", run=_watch_host),
    Job(name="processes", run=_watch_processes),
    Job(name="live", run=lambda ctx: fill(ctx.state.live.feed, ctx.ports.clock)),
    Job(name="own", run=lambda ctx: take_own(ctx.state.intake, ctx.ports.get(Logs), ctx.ports.get(Tracing))),
    Job(name="scrape", run=_scrape),
    Job(name="syslog-tcp", run=_syslog_tcp),
    Job(name="syslog-udp", run=_syslog_udp),
)


def _gauge(name: str, help: str, unit: str = "", healthy: tuple[float | None, float | None] | None = None) -> Signal:
    return Signal(name=f"steersman_store_{name}", kind=SignalKind.GAUGE, help=help, unit=unit, healthy=healthy)


def _counter(name: str, help: str) -> Signal:
    return Signal(name=f"steersman_store_{name}_total", kind=SignalKind.COUNTER, help=help)


#: Signal, and the figure of `StoreStats` that it shows.
_FIGURES = (
    (_gauge("series", "Series in memory."), "series"),
    (_counter("samples", "Samples taken in since the start."), "samples_total"),
    (_counter("refused", "Samples, log lines and spans that were refused since the start."), "refused_total"),
    (_counter("log_lines", "Log lines taken in since the start."), "log_lines_total"),
    (_counter("spans", "Spans taken in since the start."), "spans_total"),
    (_counter("exemplars", "Exemplars taken in since the start."), "exemplars_total"),
    (_counter("log_syncs", "Group syncs of the write-ahead log since the start."), "log_syncs_total"),
    (_gauge("log_bytes", "Size of the write-ahead log.", "bytes"), "wal_bytes"),
    (_gauge("head_bytes", "Memory of the newest samples.", "bytes"), "head_bytes"),
    (_gauge("pending_samples", "Samples that no checkpoint holds yet."), "pending_samples"),
    (_gauge("blocks", "Sealed blocks on disk."), "blocks"),
    (_gauge("disk_bytes", "Size of the store on disk.", "bytes"), "disk_bytes"),
    (
        _gauge("checkpoint_age_seconds", "Time since the last checkpoint.", "seconds", (None, 120.0)),
        "last_checkpoint_age_seconds",
    ),
)
_LOST = Signal(
    name="steersman_intake_events_total",
    kind=SignalKind.COUNTER,
    help="What the senses count about themselves, losses above all, by event.",
    labels=("event",),
)


def measure(ctx: Context) -> Iterable[Measurement]:
    """Read the store's figures."""
    stats = ctx.state.store.stats()
    for signal, figure in _FIGURES:
        yield Measurement(signal.name, float(getattr(stats, figure)))
    for event, count in ctx.state.intake.sources.counts.items():
        yield Measurement(_LOST.name, float(count), (event,))


def health(ctx: Context) -> Iterable[Health]:
    """Say whether questions can be answered; intake is durable before that."""
    store = ctx.state.store
    if store.failure is not None:
        yield Health("store", False, store.failure.message)
    elif not store.ready:
        yield Health("store", False, f"replaying the log: {store.replayed} of {store.to_replay} records")
    else:
        # A full disk stops the intake, which tells its senders itself; the questions go on, and so this stays ready.
        yield Health("store", True, store.trouble)


def _log_is_bounded(ctx: Context) -> str | None:
    stats = ctx.state.store.stats()
    limit = ctx.state.settings.store.checkpoint_seconds * 10
    if stats.ready and stats.last_checkpoint_age_seconds > limit and stats.pending_samples:
        return f"the last checkpoint is {stats.last_checkpoint_age_seconds:.0f} s old: a restart would replay as much"
    return None


SERVICE = Service(
    name="telemetry",
    help="Takes in metrics, logs and traces, keeps them safely and answers questions about them.",
    prefixes=("/api/telemetry", "/api/logs", "/api/traces", "/api/v1", "/v1", "/loki"),
    settings=TelemetrySettings,
    lifespan=lifespan,
    measure=measure,
    health=health,
    requires=(Logs, Tracing, Masking),
    provides=(TelemetryStore,),
    permissions={
        "telemetry.metrics.write": "Send samples.",
        "telemetry.metrics.read": "Ask for samples and series.",
        "telemetry.logs.write": "Send log lines.",
        "telemetry.logs.read": "Search log lines.",
        "telemetry.traces.write": "Send spans.",
        "telemetry.traces.read": "Search spans and traces.",
        "telemetry.warehouse.read": "Ask the warehouse in SQL.",
    },
    # Whatever is written and asked for here carries the caller's tenant; the live page is the installation's.
    tenanted=frozenset(
        f"telemetry.{thing}"
        for thing in (
            "metrics.read",
            "metrics.write",
            "logs.read",
            "logs.write",
            "traces.read",
            "traces.write",
            "warehouse.read",
        )
    ),
    personal=PERSONAL,
    signals=(*(signal for signal, _ in _FIGURES), _LOST),
    invariants=(
        Invariant(
            name="log_is_bounded",
            help="Checkpoints keep up, so that a restart replays seconds and not hours.",
            severity="warning",
            check=_log_is_bounded,
        ),
    ),
    routes=(*search.ROUTES, *live.ROUTES),
    raw_routes=(*intake.RAW_ROUTES, *prometheus.RAW_ROUTES, *live.RAW_ROUTES, *warehouse.RAW_ROUTES),
    pages=live.PAGES,
    commands=COMMANDS,
    jobs=JOBS,
)
