"""Everything that happens, as server-sent events: the journal behind a cursor.

The id of an event is the number of its entry, so a client that comes back with `Last-Event-ID` misses nothing. A fresh
client begins at the end, or after `after`. Nothing is pushed that is not recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from steersman.contract.ports import Context, JournalEntry
from steersman.contract.service import RawRoute
from steersman.model.errors import InvalidInput
from steersman.services.operations.logic.views import timeline_line
from steersman.services.operations.model.wire import Query, Time
from steersman.services.operations.store import reading
from steersman.services.operations.store.consent import names_of, people_named
from steersman.services.operations.web.answers import parsed

READ = "operations.incidents.read"
#: Entries of a transaction that the loop did not make, such as an action's, are seen this late at most.
_LOOK_SECONDS = 1.0
#: A comment on a silent stream keeps proxies from closing it and finds out that a client is gone.
_KEEP_ALIVE_SECONDS = 15.0
_AT_ONCE = 500
_HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


class StreamQuery(Query):
    """Where to begin; the header `Last-Event-ID` wins."""

    after: Time | None = None


def _event(entry: JournalEntry, people: Mapping[str, str]) -> bytes:
    """Write one event. Where it is about approvals, `people` says who is behind the ids of accounts in it."""
    line = timeline_line(entry)
    named = {one: people[one] for one in people_named(entry) if one in people}
    told = {**line.model_dump(), "subject": entry.subject, **({"people": named} if named else {})}
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.seq, entry.type.encode(), orjson.dumps(told))


def _read(ctx: Context, after: int) -> tuple[list[JournalEntry], bytes]:
    """Return what came since, and the same as events."""
    entries = ctx.ports.journal.read(after=after, limit=_AT_ONCE, tenant=ctx.caller.tenant)
    ids = {one for entry in entries for one in people_named(entry)}
    people: Mapping[str, str] = {}
    if ids:
        with ctx.ports.database.reading() as connection:
            people = names_of(connection, ids)
    return entries, b"".join(_event(entry, people) for entry in entries)


async def _events(ctx: Context, after: int) -> AsyncIterator[bytes]:
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    clock = ctx.ports.clock
    spoken = clock.monotonic()
    yield b": connected\n\n"
    with ctx.state.bulletin.watching(lambda: loop.call_soon_threadsafe(changed.set)):
        while True:
            changed.clear()
            entries, events = await asyncio.to_thread(_read, ctx, after)
            if entries:
                after, spoken = entries[-1].seq, clock.monotonic()
                yield events
                continue
            if clock.monotonic() - spoken >= _KEEP_ALIVE_SECONDS:
                spoken = clock.monotonic()
                yield b": nothing new\n\n"
            await _woken(changed)


async def _woken(changed: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(changed.wait(), _LOOK_SECONDS)
    except TimeoutError:
        return


async def stream(ctx: Context, request: Request) -> Response:
    """Send what happens for as long as the client listens."""
    after = parsed(StreamQuery, request).after
    if given := request.headers.get("last-event-id"):
        if not (given.isascii() and given.isdigit() and len(given) < 19):
            raise InvalidInput("Last-Event-ID: it is the number of the last event that was seen")
        after = int(given)
    if after is None:
        after = await asyncio.to_thread(_head, ctx)
    return StreamingResponse(_events(ctx, after), media_type="text/event-stream", headers=_HEADERS)


def _head(ctx: Context) -> int:
    with ctx.ports.database.reading() as connection:
        return reading.journal_head(connection)


RAW_ROUTES = (
    RawRoute(
        methods=frozenset({"GET"}),
        path="/api/ops/stream",
        handler=stream,
        permission=READ,
        summary="Server-sent events of everything that is found, decided, done, judged and learnt.",
        query=StreamQuery,
    ),
)
