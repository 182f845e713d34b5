"""Ends a stream of events once whoever listens may not any more: it is admitted once, and lasts for hours.

The same is asked before each event that was asked before the first. A silent stream is asked about with its next sign
of life, and says nothing until then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from starlette.responses import Response, StreamingResponse

EVENTS = "text/event-stream"


def as_long_as(still: Callable[[], Awaitable[bool]], response: Response) -> Response:
    """Return the response; where it is a stream of events, it ends as soon as `still` says no."""
    if isinstance(response, StreamingResponse) and response.media_type == EVENTS:
        response.body_iterator = _until(response.body_iterator, still)
    return response


async def _until(events: Any, still: Callable[[], Awaitable[bool]]) -> AsyncIterator[Any]:
    async with aclosing(events):
        async for event in events:
            if not await still():
                return
            yield event
