"""OAuth's own forms: how a client says who signs in, and in which shape it hears what came of it (RFC 6749).

Each field is read once. What is refused is refused as problem details, with the `error` that OAuth clients read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from steersman.model.errors import InvalidInput, SteersmanError, Throttled, Unauthenticated
from steersman.runtime.http.problems import describe
from steersman.runtime.http.scope import address_of
from steersman.runtime.identity.identity import TokenPair
from steersman.runtime.identity.login import Attempt

#: A form of names, a password and a code; more is not ours.
_MOST_FIELDS = 20
_NO_STORE = {"cache-control": "no-store"}
_ERRORS: Mapping[type[SteersmanError], str] = {
    Unauthenticated: "invalid_grant",
    Throttled: "temporarily_unavailable",
    InvalidInput: "invalid_request",
}
_TEXT = {"type": "string", "maxLength": 4096}
#: The form as the document of the API describes it.
TOKEN_FORM: dict[str, Any] = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {"type": "string", "enum": ["password", "authorization_code", "refresh_token"]},
                    **dict.fromkeys(("username", "password", "totp", "refresh_token"), _TEXT),
                    **dict.fromkeys(("code", "redirect_uri", "code_verifier", "client_id", "client_secret"), _TEXT),
                },
            }
        }
    },
}


class Tokens(BaseModel):
    """An access token, and the refresh token to get the next one with, once."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    refresh_token: str
    scope: str | None = None


def attempt(fields: Mapping[str, str], request: Request) -> Attempt:
    """Return what a form says about who signs in."""
    return Attempt(
        name=fields.get("username", ""),
        password=fields.get("password", ""),
        code=fields.get("totp", ""),
        address=address_of(request.scope),
        agent=request.headers.get("user-agent", ""),
    )


def client_in(fields: Mapping[str, str], request: Request) -> tuple[str, str]:
    """Return a client's id and secret, from the form or by Basic (RFC 6749, 2.3.1); raises `InvalidInput` for both."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return fields.get("client_id", ""), fields.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except ValueError as error:
        raise InvalidInput("the Basic credentials are not base64") from error
    if "client_secret" in fields or fields.get("client_id", unquote_plus(name)) != unquote_plus(name):
        raise InvalidInput("a client proves itself in one way")
    return unquote_plus(name), unquote_plus(secret)


async def fields_of(request: Request) -> dict[str, str]:
    """Read a form; raises `InvalidInput` for one that names a field twice, as OAuth asks (RFC 6749, 3.2)."""
    text = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidInput("the form has too many fields") from error
    if len(dict(pairs)) < len(pairs):
        raise InvalidInput("a field of the form occurs twice")
    return dict(pairs)


def tokens_answer(pair: TokenPair) -> Response:
    told = Tokens(
        access_token=pair.access, expires_in=pair.expires_in, refresh_token=pair.refresh, scope=pair.scope or None
    )
    return JSONResponse(told.model_dump(exclude_none=True), headers=_NO_STORE)


def refusal(error: SteersmanError) -> Response:
    """Return the problem details with OAuth's own word for it."""
    response = describe(error)
    word = next((word for kind, word in _ERRORS.items() if isinstance(error, kind)), None)
    if word is None:
        return response
    body = {**json.loads(bytes(response.body)), "error": word}
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(json.dumps(body), response.status_code, {**headers, **_NO_STORE})
