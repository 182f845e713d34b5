"""SQL over everything stored, answered by a process of its own that ends with the question."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from steersman.contract.ports import Masking
from steersman.contract.service import RawRoute
from steersman.model.errors import InvalidInput, Temporary, TooLarge
from steersman.runtime.telemetry.ask import ask
from steersman.services.telemetry.logic.masking import masked

if TYPE_CHECKING:
    from starlette.requests import Request

    from steersman.contract.ports import Context

_MOST_ROWS = 100_000
_MAX_SQL = 100_000


async def query(ctx: Context, request: Request) -> Response:
    """Answer one SQL question about the views metrics, logs, spans and exemplars of the caller's tenant.

    The body is {"sql": ..., "limit": ..., "mask": ...}. Everything that was acknowledged before the question is in the
    answer. With `mask`, texts in it are masked as an export: for an answer that is to be handed on.
    """
    try:
        asked = json.loads(await request.body())
        sql, limit, hidden = str(asked["sql"]), int(asked.get("limit", 10_000)), bool(asked.get("mask", False))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise InvalidInput('the body must be {"sql": "select ...", "limit": 100}') from error
    if len(sql) > _MAX_SQL:
        raise TooLarge(f"the question is longer than {_MAX_SQL} characters")
    if not 1 <= limit <= _MOST_ROWS:
        raise InvalidInput(f"limit must be between 1 and {_MOST_ROWS}")
    store = ctx.state.store
    if not store.ready:
        raise Temporary("the store is replaying its log; /readyz tells how far it is", retry_after=1.0)
    try:
        await store.checkpoints.write()
    except OSError as error:
        raise Temporary(f"what came in last cannot be written to where SQL reads it: {error}") from error
    answer = await ask(store.folder, sql, ctx.caller.tenant, limit)
    if hidden:
        answer = await asyncio.to_thread(masked, ctx.ports.provided[Masking], answer)
    return Response(answer, media_type="application/json")


RAW_ROUTES = (
    RawRoute(
        methods=frozenset({"POST"}),
        path="/api/telemetry/query",
        handler=query,
        permission="telemetry.warehouse.read",
        summary="SQL over metrics, logs, spans and exemplars",
    ),
)
