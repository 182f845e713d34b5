"""The stream of everything that happens: a client that comes back misses nothing."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from steersman.contract.ports import Caller, Context
from steersman.model.errors import InvalidInput
from steersman.model.rounds import Decided, IncidentChanged, Noticed
from steersman.services.operations.web.stream import stream


async def opened(site: Any, query: str = "", last: str | None = None) -> Any:
    headers = [] if last is None else [(b"last-event-id", last.encode())]
    scope = {"type": "http", "query_string": query.encode(), "headers": headers}
    context = Context(Caller("somebody", permissions=frozenset({"*"})), site.ports, site.state)
    answer: Any = await stream(context, Request(scope))
    events = answer.body_iterator
    assert (await anext(events)).startswith(b":")
    return events


async def next_types(events: Any) -> list[tuple[int, str]]:
    lines = (await anext(events)).decode().strip().split("\n\n")
    fields = [dict(line.split(": ", 1) for line in event.split("\n")) for event in lines]
    return [(int(event["id"]), json.loads(event["data"])["type"]) for event in fields]


def test_a_stream_goes_on_where_the_last_one_broke(serving: Any, examples: Any) -> None:
    """The id of an event is the cursor, also for what was recorded while nobody listened."""

    async def listen() -> None:
        async with serving() as site:
            site.record(Noticed(examples.finding()))
            events = await opened(site)
            site.record(IncidentChanged(examples.incident(), "found"))
            assert await next_types(events) == [(2, "ops.incident")]
            await events.aclose()
            site.record(Decided(examples.plan()))
            again = await opened(site, last="2")
            assert await next_types(again) == [(3, "ops.plan")]
            await again.aclose()
            everything = await opened(site, query="after=0")
            assert [number for number, _ in await next_types(everything)] == [1, 2, 3]
            await everything.aclose()
            assert site.state.bulletin._wake == []

    asyncio.run(listen())


def test_a_cursor_that_is_none_is_refused(serving: Any) -> None:
    """Before the stream begins, so that the client sees the status."""

    async def listen() -> None:
        async with serving() as site:
            for given in ({"last": "x"}, {"query": "after=-1"}, {"query": "before=3"}):
                with pytest.raises(InvalidInput):
                    await opened(SimpleNamespace(ports=site.ports, state=site.state), **given)

    asyncio.run(listen())
