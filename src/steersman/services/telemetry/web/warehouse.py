"""SQL over everything stored, answered by a process of its own that ends with the question."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from steersman.contract.service import RawRoute
from steersman.model.errors import InvalidInput, Temporary, TooLarge
from steersman.runtime.telemetry.ask import ask

if TYPE_CHECKING:
    from starlette.requests import Request

    from steersman.contract.ports import Context

_MOST_ROWS = 100_000
_MAX_SQL = 100_000


async def query(ctx: Context, request: Request) -> Response:
    """Answer one SQL question about the views metrics, logs, spans and exemplars of the caller's tenant.

    The body is {"sql": ..., "limit": ...}. Everything that was acknowledged before the question is in the answer.
    """
    try:
        asked = json.loads(await request.body())
        sql, limit = str(asked["sql"]), int(asked.get("limit", 10_000))
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
    return Response(await ask(store.folder, sql, ctx.caller.tenant, limit), media_type="application/json")


RAW_ROUTES = (
    RawRoute(
        methods=frozenset({"POST"}),
        path="/api/telemetry/query",
        handler=query,
        permission="telemetry.warehouse.read",
        summary="SQL over metrics, logs, spans and exemplars",
    ),
)
