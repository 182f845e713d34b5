"""The page at `/` and what feeds it: the stream of readings and rows, and the same figures once as JSON.

Server-sent events carry two kinds: `readings`, columns of numbers for the charts, with the time of the newest as
the event's id, so that a browser that comes back asks for what it missed; and `board`, the tables as the server
would render them, so that a row has one template. Nothing is computed here that the feed does not hold.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from steersman.contract.ports import Clock, Context
from steersman.contract.service import Page, RawRoute, Route
from steersman.model.errors import NotFound
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.console.language import Language, language_of
from steersman.runtime.console.rendering import render
from steersman.services.telemetry.logic.live import (
    BUILT_IN_KINDS,
    RING_SECONDS,
    STORE_FIGURES,
    FileSystem,
    HostFacts,
    Live,
    Reading,
    SourceRow,
    SourceState,
    columns,
)

#: Every so often the tables are sent again; ages in between are counted by the page.
_BOARD_SECONDS = 4.0
#: A comment on a silent stream keeps proxies from closing it and finds out that a browser is gone.
_KEEP_ALIVE_SECONDS = 15.0
_FILESYSTEMS = 8
_EVENT_HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class SourceView:
    """One row of the table of sources."""

    row: SourceRow
    state: SourceState


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The page's figures at one moment; `reading` is None and `cores` is 0 during the first seconds.

    `connected` says whether anything but the platform's own senses sends data.
    """

    time_ms: int
    host: HostFacts
    reading: Reading | None
    cores: int
    memory_total: int
    filesystems: tuple[FileSystem, ...]
    sources: tuple[SourceView, ...]
    connected: bool
    store: Mapping[str, float | None]
    store_ready: bool
    replay_progress: float


def _largest(filesystems: tuple[FileSystem, ...]) -> tuple[FileSystem, ...]:
    """Containers mount by the hundred; a person looks at the few that hold the data."""
    return tuple(sorted(filesystems, key=lambda system: -system.total)[:_FILESYSTEMS])


def _overview(live: Live, now_ms: int) -> Overview:
    figures = live.store()
    rows = live.sources()
    look = live.feed.last_look
    return Overview(
        time_ms=now_ms,
        host=live.host,
        reading=live.feed.latest,
        cores=len(look.cores) if look else 0,
        memory_total=look.memory_total if look else 0,
        filesystems=_largest(look.filesystems) if look else (),
        sources=tuple(SourceView(row, row.state(now_ms)) for row in rows),
        connected=any(row.kind not in BUILT_IN_KINDS for row in rows),
        store={name: getattr(figures, name) for name in STORE_FIGURES},
        store_ready=figures.ready,
        replay_progress=figures.replay_progress,
    )


def _now_ms(clock: Clock) -> int:
    return clock.wall_ns() // 1_000_000


def _demand_own(ctx: Context) -> None:
    """What is shown here is about this machine and its sources, hence the installation's own."""
    if ctx.caller.tenant != DEFAULT_TENANT:
        raise NotFound("the live figures are about the installation: your own are asked for at /api/v1/query")


def overview(ctx: Context) -> Overview:
    """Answer with what the live page shows, once."""
    _demand_own(ctx)
    return _overview(ctx.state.live, _now_ms(ctx.ports.clock))


def view(ctx: Context) -> Mapping[str, Any]:
    """Give the page its first numbers and the minutes before them."""
    _demand_own(ctx)
    now_ms = _now_ms(ctx.ports.clock)
    live: Live = ctx.state.live
    history = columns(live.feed.since(now_ms - RING_SECONDS * 1000))
    return {"overview": _overview(live, now_ms), "history": history, "figure_formats": STORE_FIGURES}


def _event(kind: str, payload: object, identity: int | None = None) -> str:
    name = "" if identity is None else f"id: {identity}\n"
    return f"{name}event: {kind}\ndata: {json.dumps(payload, separators=(',', ':'))}\n\n"


def _readings_event(readings: list[Reading]) -> str:
    last = readings[-1]
    payload = {
        "columns": columns(readings),
        "cores": [round(core, 1) for core in last.cores],
        "memory_total": last.memory_total,
        "load": last.load,
    }
    return _event("readings", payload, last.time_ms)


def _board_event(live: Live, now_ms: int, language: Language) -> str:
    values = {"overview": _overview(live, now_ms), "figure_formats": STORE_FIGURES}
    parts = {name: render(__name__, f"live/{name}.html", language, values) for name in ("sources", "store", "disks")}
    return _event("board", {"now": now_ms, "parts": parts})


async def _events(live: Live, clock: Clock, since_ms: int, language: Language) -> AsyncIterator[str]:
    changed = asyncio.Event()
    board_due = 0.0
    with live.feed.watching(changed.set):
        while True:
            changed.clear()
            if readings := live.feed.since(since_ms):
                since_ms = readings[-1].time_ms
                yield _readings_event(readings)
            if clock.monotonic() >= board_due:
                board_due = clock.monotonic() + _BOARD_SECONDS
                yield _board_event(live, _now_ms(clock), language)
            try:
                await asyncio.wait_for(changed.wait(), _KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": nothing new\n\n"


def _last_seen_ms(request: Request) -> int:
    """Return the time of the newest reading that the browser has: its own header, or the page's first request."""
    given = request.headers.get("last-event-id") or request.query_params.get("since", "")
    return int(given) if given.isascii() and given.isdigit() else 0


async def stream(ctx: Context, request: Request) -> Response:
    """Send readings and tables for as long as the browser listens."""
    _demand_own(ctx)
    events = _events(ctx.state.live, ctx.ports.clock, _last_seen_ms(request), language_of(request))
    return StreamingResponse(events, media_type="text/event-stream", headers=_EVENT_HEADERS)


PAGES = (
    Page(
        path="/",
        title="Overview",
        title_zh="概览",
        template="live/page.html",
        view=view,
        permission="telemetry.metrics.read",
    ),
)
ROUTES = (
    Route(
        method="GET",
        path="/api/telemetry/overview",
        handler=overview,
        permission="telemetry.metrics.read",
        summary="What the live page shows, once: the machine's rates, the sources and the store's figures",
    ),
)
RAW_ROUTES = (
    RawRoute(
        methods=frozenset({"GET"}),
        path="/api/telemetry/live/stream",
        handler=stream,
        permission="telemetry.metrics.read",
        summary="Server-sent events behind the live page",
    ),
)
