"""What the ways in share: fields of a form, and a cookie that ties what was asked to the browser that was asked.

That cookie is sent along when another site leads back here, which the cookie of a session is not; it opens nothing by
itself, and lives as long as an answer may take.
"""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from steersman.model.errors import InvalidInput
from steersman.runtime.http.control import named

FLOW_COOKIE = "steersman_flow"
_FLOW_SECONDS = 600
_MOST_FIELDS = 30


async def fields_of(request: Request) -> dict[str, str]:
    """Read a form; raises `InvalidInput` for one that names a field twice (RFC 6749, 3.1 and 3.2)."""
    return single((await request.body()).decode("utf-8", "replace"))


def single(text: str) -> dict[str, str]:
    """Return the fields of an encoded form or query, each of which occurs once."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidInput("the form has too many fields") from error
    if len(dict(pairs)) < len(pairs):
        raise InvalidInput("a field of the form occurs twice")
    return dict(pairs)


def binding_of(request: Request) -> str:
    """Return what this browser was tied to, or nothing."""
    return request.cookies.get(FLOW_COOKIE, "")[:100]


def new_binding() -> str:
    return secrets.token_urlsafe(32)


def bind(request: Request, response: Response, binding: str) -> Response:
    """Tie the browser that gets this answer to a flow."""
    response.set_cookie(
        FLOW_COOKIE,
        binding,
        max_age=_FLOW_SECONDS,
        path="/auth",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


def add_page(app: FastAPI, method: str, path: str, handler: object) -> None:
    """Add a page or what its form posts to."""
    app.add_route(path, named(path, handler), methods=[method])  # type: ignore[arg-type]
