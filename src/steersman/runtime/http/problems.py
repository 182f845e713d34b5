"""Says what went wrong over HTTP, as RFC 9457 problem details.

Only errors that were raised on purpose speak for themselves. An unexpected one is logged under an id, and the
caller gets that id and nothing else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from steersman.model.errors import SteersmanError, Temporary, Unauthenticated
from steersman.runtime.http.rates import OverLimit

MEDIA_TYPE = "application/problem+json"

#: What a caller without a known key is asked for; Basic works too, but offering it would make browsers keep the token.
CHALLENGE = 'Bearer realm="steersman"'


class Problem(BaseModel):
    """The body of every error answer; `errors` names the fields when the input was wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    errors: list[str] = Field(default_factory=list)


def problem(
    status: int, detail: str, *, errors: Sequence[str] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """Return one error answer."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return Response(json.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


def describe(error: SteersmanError) -> Response:
    """Answer for an error that was raised on purpose: its branch of the tree gives status and headers."""
    headers = {}
    if isinstance(error, Temporary):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, OverLimit):
        # RateLimit fields of draft-ietf-httpapi-ratelimit-headers.
        headers["ratelimit-policy"] = f'"requests";q={error.limit};w=60'
        headers["ratelimit"] = f'"requests";r=0;t={max(1, math.ceil(error.retry_after))}'
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = CHALLENGE
    return problem(error.status, error.message, headers=headers)


def unexpected(error_id: str) -> Response:
    """Answer for a defect: it reveals the id under which the log holds the rest."""
    return problem(500, f"an unexpected error, logged under {error_id}")


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Put pydantic's findings into one line each, without repeating the caller's input."""
    return [f"{'.'.join(str(part) for part in error['loc']) or 'body'}: {error['msg']}" for error in errors]
