"""Everything the platform declares about itself."""

from __future__ import annotations

import platform as machine
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from steersman import __version__
from steersman.contract.ports import Context, Ports
from steersman.contract.service import Event, Invariant, Job, Measurement, Service, Signal, SignalKind
from steersman.model.findings import Aspect
from steersman.runtime.house import House
from steersman.runtime.http.limits import Limits, Traffic
from steersman.runtime.process import process_figures
from steersman.runtime.supervisor import Activity, TaskSupervisor
from steersman.services.platform.actions import IN_FLIGHT_LIMIT, SET_LOG_LEVEL
from steersman.services.platform.commands import COMMANDS
from steersman.services.platform.jobs import watch_journal, watch_loop
from steersman.services.platform.logic import disorder
from steersman.services.platform.model import PlatformState
from steersman.services.platform.store import exposed_token, newest_entries
from steersman.services.platform.web import ROUTES


def _gauge(name: str, help: str, *, labels: tuple[str, ...] = (), healthy: tuple[float, float] | None = None) -> Signal:
    return Signal(name=name, kind=SignalKind.GAUGE, help=help, unit=_unit(name), labels=labels, healthy=healthy)


def _counter(name: str, help: str, *, labels: tuple[str, ...] = ()) -> Signal:
    return Signal(name=name, kind=SignalKind.COUNTER, help=help, unit=_unit(name.removesuffix("_total")), labels=labels)


def _unit(name: str) -> str:
    last = name.rpartition("_")[2]
    return last if last in {"seconds", "bytes"} else ""


SIGNALS = (
    _gauge("steersman_build_info", "Always 1; the labels say what is running.", labels=("version", "python")),
    _gauge("steersman_uptime_seconds", "Seconds since the platform started."),
    _gauge("steersman_startup_seconds", "Seconds until every service had started.", healthy=(0, 10)),
    _gauge(
        "steersman_service_ready",
        "1 while this check of a service allows it to serve.",
        labels=("check",),
        healthy=(1, 1),
    ),
    Signal(
        name="steersman_event_loop_lag_seconds",
        kind=SignalKind.GAUGE,
        help="How late the event loop was in the last second. While it is late, the silence of others may be its own.",
        unit="seconds",
        healthy=(0, 0.5),
        aspect=Aspect.LATENCY,
    ),
    _gauge("steersman_event_loop_lag_worst_seconds", "The worst lag lately, fading.", healthy=(0, 1)),
    _gauge(
        "steersman_task_running", "1 while this background task runs or has finished.", labels=("task",), healthy=(1, 1)
    ),
    _counter(
        "steersman_task_restarts_total", "Times that this background task failed and was restarted.", labels=("task",)
    ),
    _counter("steersman_journal_entries_total", "Entries ever written to the journal."),
    _counter("steersman_http_requests_total", "Answers by route and status.", labels=("route", "status")),
    Signal(
        name="steersman_http_request_duration_seconds",
        kind=SignalKind.HISTOGRAM,
        help="Time to answer, by route.",
        unit="seconds",
        labels=("route",),
    ),
    _gauge("steersman_http_requests_in_flight", "Requests of intake and query that are being served."),
    _gauge("steersman_http_requests_in_flight_limit", "How many of them are served at once."),
    _counter("process_cpu_seconds_total", "CPU time of the process, user and system."),
    _gauge("process_resident_memory_bytes", "Resident memory of the process."),
    _gauge("process_open_fds", "Open file descriptors of the process."),
    _gauge("process_max_fds", "File descriptors that the process may open."),
    _gauge("process_start_time_seconds", "When the process started, in unix seconds."),
)

_ALIVE = frozenset({Activity.RUNNING, Activity.FINISHED})


@asynccontextmanager
async def lifespan(ports: Ports) -> AsyncIterator[PlatformState]:
    """Remember when it all began."""
    yield PlatformState(ports.clock.monotonic())


def measure(context: Context) -> Iterable[Measurement]:
    """Read the counters that the house keeps; nothing here waits."""
    state: PlatformState = context.state
    house = context.ports.get(House)
    limits = context.ports.get(Limits)
    yield Measurement("steersman_build_info", 1.0, (__version__, machine.python_version()))
    yield Measurement("steersman_uptime_seconds", context.ports.clock.monotonic() - state.started_at)
    if house.startup_seconds is not None:
        yield Measurement("steersman_startup_seconds", house.startup_seconds)
    for check in house.health():
        yield Measurement("steersman_service_ready", float(check.ready), (check.name,))
    yield Measurement("steersman_event_loop_lag_seconds", state.loop_lag_seconds)
    yield Measurement("steersman_event_loop_lag_worst_seconds", state.worst_lag_seconds)
    for task in context.ports.get(TaskSupervisor).states():
        yield Measurement("steersman_task_running", float(task.activity in _ALIVE), (task.name,))
        yield Measurement("steersman_task_restarts_total", float(task.restarts), (task.name,))
    yield Measurement("steersman_journal_entries_total", float(state.journal_head))
    yield from _traffic(context.ports.get(Traffic))
    yield Measurement("steersman_http_requests_in_flight", float(limits.in_flight))
    yield Measurement("steersman_http_requests_in_flight_limit", float(limits.in_flight_limit))
    yield from _process()


def _traffic(traffic: Traffic) -> Iterable[Measurement]:
    for route, timing in traffic.routes.items():
        for status, count in timing.statuses.items():
            yield Measurement("steersman_http_requests_total", float(count), (route, str(status)))
        yield Measurement("steersman_http_request_duration_seconds", timing.buckets(), (route,))


def _process() -> Iterable[Measurement]:
    figures = process_figures()
    yield Measurement("process_cpu_seconds_total", figures.cpu_seconds)
    yield Measurement("process_resident_memory_bytes", float(figures.resident_bytes))
    yield Measurement("process_open_fds", float(figures.open_descriptors))
    yield Measurement("process_max_fds", float(figures.descriptor_limit))
    yield Measurement("process_start_time_seconds", figures.started_at)


INVARIANTS = (
    Invariant(
        name="journal_order",
        help="The journal's numbers only grow, and every outcome names its intent.",
        severity="critical",
        check=lambda context: disorder(newest_entries(context.ports.database, context.ports.journal)),
    ),
    Invariant(
        name="token_private",
        help="Only the owner of the data directory can read the bootstrap token.",
        severity="critical",
        check=lambda context: exposed_token(context.ports.data_dir),
    ),
)

EVENTS = (
    Event(
        "action.requested",
        1,
        "Somebody with the permission asked for an action; its arguments and key, and as `prior` the target's identity "
        "and state before the effect, where the action tells it.",
    ),
    Event("action.applied", 1, "An action took effect; its result. The cause is the request."),
    Event(
        "action.idle",
        1,
        "Nothing was to be done, as the target is not there any more; `evidence` says so. The cause is the request.",
    ),
    Event("action.overdue", 1, "An action is not done in its time and goes on. The cause is the request."),
    Event("action.failed", 1, "An action failed; the reason. The cause is the request."),
    Event("action.undone", 1, "An applied action was undone. The cause is its application."),
    Event("knob.turned", 1, "A knob was turned; both values."),
)

SERVICE = Service(
    name="platform",
    help="The platform's own health, journal and settings.",
    prefixes=("/api/platform",),
    lifespan=lifespan,
    measure=measure,
    tenanted=frozenset({"platform.journal.read"}),
    # The house asks for it, at /metrics.
    used_within=frozenset({"platform.metrics.read"}),
    permissions={
        "platform.status.read": "See how the platform is doing and what it declares.",
        "platform.metrics.read": "Scrape /metrics.",
        "platform.journal.read": "Read the journal.",
        "platform.settings.read": "Read the settings, without secrets.",
        "platform.logging.write": "Change how much is logged.",
        "platform.limits.write": "Change how much is served at once.",
    },
    signals=SIGNALS,
    actions=(SET_LOG_LEVEL,),
    knobs=(IN_FLIGHT_LIMIT,),
    invariants=INVARIANTS,
    events=EVENTS,
    routes=ROUTES,
    commands=COMMANDS,
    jobs=(Job(name="event-loop", run=watch_loop), Job(name="journal", run=watch_journal)),
)
