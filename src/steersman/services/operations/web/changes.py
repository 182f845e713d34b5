"""Changes: deploys and edits that others tell of as CloudEvents, and the results of the last drill.

Structured, batched and binary mode are read, in JSON. A change is on disk before the answer, and the same event again
changes nothing, so a pipeline may repeat what was not answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import RawRoute, Route
from steersman.model.changes import Change
from steersman.model.errors import InvalidInput, UnsupportedMedia
from steersman.services.operations.logic.deploys import change_of
from steersman.services.operations.model import overview
from steersman.services.operations.store import reading
from steersman.services.operations.store.drills import last_drill
from steersman.services.operations.store.recording import new_changes
from steersman.services.operations.web.answers import JSON, kept_answer, now_ms, parsed

READ = "operations.changes.read"
WRITE = "operations.changes.write"

_BINARY = "ce-"
_STRUCTURED, _BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
#: A pipeline tells of a few changes at a time.
_AT_ONCE = 1_000


async def listed(ctx: Context, request: Request) -> Response:
    query = parsed(overview.ChangeQuery, request)
    return await kept_answer(ctx, request, lambda c: reading.change_page(c, ctx.caller.tenant, query))


async def post(ctx: Context, request: Request) -> Response:
    """Store changes and tell the loop of those that are new."""
    now, actor = now_ms(ctx), ctx.caller.subject
    changes = [change_of(event, ctx.caller.tenant, actor, now) for event in await _events(request)]
    new = await asyncio.to_thread(_store, ctx, changes)
    for change in new:
        ctx.state.inbox.changed(change)
    ctx.state.bulletin.recorded()
    answer = overview.Taken(taken=len(new), known=len(changes) - len(new))
    return Response(answer.model_dump_json(), 202, media_type=JSON)


def _store(ctx: Context, changes: list[Change]) -> list[Change]:
    with ctx.ports.database.transaction() as transaction:
        return new_changes(transaction, ctx.caller.tenant, changes)


async def _events(request: Request) -> list[Mapping[str, Any]]:
    """Return the events of a request, whatever the mode; raises `InvalidInput` or `UnsupportedMedia`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == _STRUCTURED:
        return [_object(body)]
    if kind == _BATCH:
        events = _parsed(body)
        if not isinstance(events, list) or len(events) > _AT_ONCE or not all(isinstance(one, dict) for one in events):
            raise InvalidInput(f"a batch is a list of at most {_AT_ONCE} events")
        return events
    if f"{_BINARY}id" in request.headers:
        return [_binary(request, kind, body)]
    if kind == JSON:
        return [_object(body)]
    raise UnsupportedMedia(f"send {_STRUCTURED}, {_BATCH}, or ce- headers with JSON")


def _binary(request: Request, kind: str, body: bytes) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        name.removeprefix(_BINARY): unquote(value)
        for name, value in request.headers.items()
        if name.startswith(_BINARY)
    }
    return {**attributes, "data": _parsed(body) if body and kind == JSON else None}


def _object(body: bytes) -> dict[str, Any]:
    event = _parsed(body)
    if not isinstance(event, dict):
        raise InvalidInput("an event is a JSON object")
    return event


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is not JSON: {error}") from error


def drills(ctx: Context) -> overview.Drill:
    """Return what the last drill wrote down in the data directory."""
    return last_drill(ctx.ports.data_dir)


ROUTES = (
    Route(
        method="GET",
        path="/api/ops/drills",
        handler=drills,
        permission="operations.status.read",
        summary="The results of the last drill on this machine, if there was one.",
    ),
)
RAW_ROUTES = (
    RawRoute(
        methods=frozenset({"GET"}),
        path="/api/ops/changes",
        handler=listed,
        permission=READ,
        summary="What was altered on purpose, newest first.",
        answer=overview.ChangePage,
        query=overview.ChangeQuery,
    ),
    RawRoute(
        methods=frozenset({"POST"}),
        path="/api/ops/changes",
        handler=post,
        permission=WRITE,
        summary="Tell of deploys and edits as CloudEvents 1.0, structured, batched or binary.",
    ),
)
