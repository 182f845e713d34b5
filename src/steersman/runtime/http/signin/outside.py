"""Signing in with an outside provider, over HTTP: there and back.

The way back comes from another site, so what the browser keeps is a cookie of its own, sealed, for ten minutes and
these addresses only; the last step is a page of this site, so that the new session comes along from there on.
Where to go on is a path of this platform, kept inside that seal.
"""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from steersman.model.errors import NotFound, Unauthenticated
from steersman.runtime.console.shell import Refusal, Shell
from steersman.runtime.http.auth import add_operation
from steersman.runtime.http.entrance import local_path, set_session
from steersman.runtime.http.own import Confirming
from steersman.runtime.http.scope import address_of
from steersman.runtime.http.signin.delegation import issuer_of
from steersman.runtime.http.signin.forms import add_page, single
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.outside import Answer

COOKIE, _PATH, _SECONDS = "steersman_outside", "/auth/oidc", 600
_LONGEST = 4096


class Link(BaseModel):
    """With which provider of the settings."""

    provider: str = Field(min_length=1, max_length=80)


class Onward(BaseModel):
    """Where the browser goes now."""

    address: str


class OutsideDoor:
    """The handlers."""

    def __init__(self, identity: Identity, shell: Shell) -> None:
        self._identity = identity
        self._shell = shell
        self._confirming = Confirming(identity)

    async def start(self, request: Request) -> Response:
        """Lead to the provider."""
        fields = single(request.url.query)
        provider, to = fields.get("provider", ""), local_path(fields.get("to", "/"))
        try:
            address, kept = await run_in_threadpool(self._identity.outside.begin, provider, self._back(request), to)
        except (NotFound, Unauthenticated):
            return self._shell.login(request, to=to, refusal=Refusal.PROVIDER)
        return self._keeping(request, RedirectResponse(address, 303), kept)

    async def link_provider(self, request: Request, body: Link) -> Response:
        caller = await self._confirming.recent(request)
        begin, back = self._identity.outside.begin, self._back(request)
        address, kept = await run_in_threadpool(begin, body.provider, back, "/account", caller)
        return self._keeping(request, JSONResponse({"address": address}), kept)

    async def callback(self, request: Request) -> Response:
        """Take what the provider sent the browser back with."""
        fields = single(request.url.query)
        kept = request.cookies.get(COOKIE, "")
        if "error" in fields or len(kept) > _LONGEST:
            return self._forgetting(self._shell.login(request, refusal=Refusal.PROVIDER))
        answer = Answer(fields.get("code", ""), fields.get("state", ""), fields.get("iss"))
        arrival = (address_of(request.scope), request.headers.get("user-agent", ""))
        try:
            end = self._identity.outside.end
            signed_in, to = await run_in_threadpool(end, kept, answer, self._back(request), arrival)
        except Unauthenticated:
            return self._forgetting(self._shell.login(request, refusal=Refusal.PROVIDER))
        response = self._shell.own(request, None, "leading.html", {"address": local_path(to), "out": ""})
        if signed_in is not None:
            set_session(request, response, signed_in.token)
        return self._forgetting(response)

    def _back(self, request: Request) -> str:
        return f"{issuer_of(request, self._identity)}{_PATH}/callback"

    @staticmethod
    def _keeping(request: Request, response: Response, kept: str) -> Response:
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, kept, max_age=_SECONDS, path=_PATH, httponly=True, samesite="lax", secure=secure)
        return response

    @staticmethod
    def _forgetting(response: Response) -> Response:
        response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="lax")
        return response


def add_outside(app: FastAPI, identity: Identity, shell: Shell) -> None:
    """Add the pages, and the operation that links one's account."""
    door = OutsideDoor(identity, shell)
    add_page(app, "GET", f"{_PATH}/start", door.start)
    add_page(app, "GET", f"{_PATH}/callback", door.callback)
    summary = "Begin to link one's account with an outside provider."
    add_operation(app, "POST", f"{_PATH}/link", door.link_provider, summary, response_model=Onward)
