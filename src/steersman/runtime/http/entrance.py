"""How a person gets in: with a name and a password, or a link or a form with the token, for a session cookie.

The cookie holds neither, is never sent along by another site and is invisible to scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steersman.model.errors import Throttled, Unauthenticated
from steersman.runtime.console.shell import Refusal, Shell
from steersman.runtime.http.door import COOKIE, SECURE_COOKIE, SESSION_SECONDS, Door
from steersman.runtime.http.oauth import attempt
from steersman.runtime.http.scope import address_of, caller_of
from steersman.runtime.identity.identity import Identity


class Entrance:
    """The form, the link and the way out."""

    def __init__(self, door: Door, shell: Shell, identity: Identity | None = None) -> None:
        self._door = door
        self._shell = shell
        self._identity = identity

    def form(self, request: Request) -> Response:
        """Show the form; afterwards the person lands where they wanted to go."""
        wanted = request.url.path if request.url.path != "/login" else request.query_params.get("to", "/")
        return self._shell.login(request, to=local_path(wanted))

    def link(self, request: Request) -> Response:
        """Take the token out of the address at once, so that it stays in no history."""
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        to = "/" + (f"?{urlencode(kept)}" if kept else "")
        return self._enter(request, request.query_params["token"], to)

    async def submit(self, request: Request) -> Response:
        """Check what the form posted: a name with its password, or the token."""
        text = (await request.body()).decode("utf-8", "replace")
        fields = {name: values[0] for name, values in parse_qs(text).items()}
        to = local_path(fields.get("to", "/"))
        if "username" in fields and self._identity is not None:
            return await self._sign_in(self._identity, request, fields, to)
        return self._enter(request, fields.get("token", ""), to)

    async def leave(self, request: Request) -> Response:
        """End the session, and forget it in this browser."""
        if self._identity is not None and (session := caller_of(request).session):
            await run_in_threadpool(self._identity.end_session, caller_of(request), session, "signed out")
        response = RedirectResponse("/login", 303)
        secure = request.url.scheme == "https"
        name = SECURE_COOKIE if secure else COOKIE
        response.delete_cookie(name, httponly=True, samesite="strict", secure=secure)
        return response

    async def _sign_in(self, identity: Identity, request: Request, fields: Mapping[str, str], to: str) -> Response:
        try:
            signed_in = await identity.login.for_console(attempt(fields, request))
        except Unauthenticated:
            return self._shell.login(request, to=to, refusal=Refusal.PASSWORD)
        except Throttled:
            return self._shell.login(request, to=to, refusal=Refusal.BUSY)
        return with_cookie(request, to, signed_in.token)

    def _enter(self, request: Request, token: str, to: str) -> Response:
        given = token.strip().encode()
        if self._door.by_token(given) is not None:
            return with_cookie(request, to, self._door.session_for(given))
        if self._identity is not None and self._identity.shows_local_key(given, address_of(request.scope)):
            return with_cookie(request, to, self._identity.local.cookie(self._identity.now_ms() // 1000))
        return self._shell.login(request, to=to, refusal=Refusal.TOKEN)


def with_cookie(request: Request, to: str, value: str) -> Response:
    """Lead somebody on with the cookie of their session."""
    return set_session(request, RedirectResponse(to, 303), value)


def set_session(request: Request, response: Response, value: str) -> Response:
    """Give a browser the cookie of its session along with an answer."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        value,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=secure,
    )
    return response


def local_path(path: str) -> str:
    """Return a path of this server, never an address that leads elsewhere."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return "/"
    return path
