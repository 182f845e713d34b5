"""The stream behind `steersman record`: every round that the loop is told, as the bytes of a recording."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from steersman.contract.service import RawRoute
from steersman.model.errors import InvalidInput

if TYPE_CHECKING:
    from starlette.requests import Request

    from steersman.contract.ports import Clock, Context

_LONGEST_SECONDS = 86_400.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def recording(ctx: Context, request: Request) -> Response:
    """Stream rounds for `seconds`, one minute unless it is given."""
    seconds = _seconds(request.query_params.get("seconds", "60"))
    content = _until(ctx.state.recorder.listen(), ctx.ports.clock, seconds)
    return StreamingResponse(content, media_type="application/octet-stream", headers=_HEADERS)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise InvalidInput(f"seconds is a number above 0 and up to {_LONGEST_SECONDS:g}, not {text!r}")
    return seconds


async def _until(content: AsyncIterator[bytes], clock: Clock, seconds: float) -> AsyncIterator[bytes]:
    end = clock.monotonic() + seconds
    async for part in content:
        yield part
        if clock.monotonic() >= end:
            break


RAW_ROUTES = (
    RawRoute(
        methods=frozenset({"GET"}),
        path="/api/ops/recording",
        handler=recording,
        permission="operations.recording.read",
        summary="Everything that the loop is told from now on, as a recording to replay",
    ),
)
