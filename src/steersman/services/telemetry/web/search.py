"""Search over logs and spans, single traces, and the service map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query

from steersman.contract.freetext import FREE_TEXT
from steersman.contract.ports import Context
from steersman.contract.service import Route
from steersman.engine.logs.query import parse
from steersman.model.errors import InvalidInput, NotFound, Temporary
from steersman.services.telemetry.web.prometheus import time_ms

if TYPE_CHECKING:
    from steersman.runtime.telemetry.events.store import EventStore
    from steersman.runtime.telemetry.store import TelemetryStore

#: What is looked at when no start is given: the last hour.
_HOUR_NS = 3_600 * 10**9
_MOST_ROWS = 10_000


def _time_ns(text: str | None, name: str, default: int) -> int:
    return default if not text else time_ms(text, name) * 1_000_000


def _range(ctx: Context, start: str | None, end: str | None) -> tuple[int, int]:
    """Return the range in nanoseconds; the end, given in milliseconds, includes its whole millisecond."""
    now = ctx.ports.clock.wall_ns()
    end_ns = _time_ns(end, "end", now) + (999_999 if end else 0)
    start_ns = _time_ns(start, "start", min(now, end_ns) - _HOUR_NS)
    if start_ns > end_ns:
        raise InvalidInput("start is after end")
    return start_ns, end_ns


def _store(ctx: Context) -> TelemetryStore:
    """Return the store once it holds everything again: an answer in part would pass for all there is."""
    store: TelemetryStore = ctx.state.store
    if not store.ready:
        raise Temporary("the store is replaying its log; /readyz tells how far it is", retry_after=1.0)
    return store


#: A search is a question about text, and may well be one about attacks.
Search = Annotated[str, Query(json_schema_extra=FREE_TEXT)]


def _search(
    events: EventStore, ctx: Context, query: str, start: str | None, end: str | None, limit: int
) -> Mapping[str, Any]:
    if not 1 <= limit <= _MOST_ROWS:
        raise InvalidInput(f"limit must be between 1 and {_MOST_ROWS}")
    start_ns, end_ns = _range(ctx, start, end)
    found = events.search(ctx.caller.tenant, parse(query), start_ns, end_ns, limit)
    return {"rows": found.rows, "complete": found.complete}


def search_logs(
    ctx: Context, query: Search = "", start: str | None = None, end: str | None = None, limit: int = 100
) -> Mapping[str, Any]:
    """Find log lines, newest first. `start` and `end` are unix seconds or RFC 3339; without them, the last hour."""
    return _search(_store(ctx).logs, ctx, query, start, end, limit)


def search_traces(
    ctx: Context, query: Search = "", start: str | None = None, end: str | None = None, limit: int = 100
) -> Mapping[str, Any]:
    """Find spans, newest first. `start` and `end` are unix seconds or RFC 3339; without them, the last hour."""
    return _search(_store(ctx).spans, ctx, query, start, end, limit)


def trace(ctx: Context, id: str) -> Mapping[str, Any]:
    """Return all spans of one trace, oldest first."""
    found = _store(ctx).spans.trace(ctx.caller.tenant, id.lower())
    if not found.rows:
        raise NotFound(f"no span of the trace {id} is stored")
    return {"trace_id": id.lower(), "spans": found.rows, "complete": found.complete}


def service_map(ctx: Context, start: str | None = None, end: str | None = None) -> Any:
    """Return the services seen in spans and who calls whom, with counts, errors and durations in nanoseconds."""
    return _store(ctx).spans.service_map(ctx.caller.tenant, *_range(ctx, start, end))


ROUTES = (
    Route(
        method="GET",
        path="/api/logs/search",
        handler=search_logs,
        permission="telemetry.logs.read",
        summary="Search log lines by words, phrases and attributes",
        errors=(400, 503),
    ),
    Route(
        method="GET",
        path="/api/traces/search",
        handler=search_traces,
        permission="telemetry.traces.read",
        summary="Search spans by words, phrases and attributes",
        errors=(400, 503),
    ),
    Route(
        method="GET",
        path="/api/traces/map",
        handler=service_map,
        permission="telemetry.traces.read",
        summary="The services seen in spans, and who calls whom",
        errors=(400, 503),
    ),
    Route(
        method="GET",
        path="/api/traces/{id}",
        handler=trace,
        permission="telemetry.traces.read",
        summary="All spans of one trace",
        errors=(404, 503),
    ),
)
