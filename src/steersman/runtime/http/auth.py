"""Signing in and out over HTTP, for programs: `/auth/token`, `/auth/refresh`, and a caller's own sessions.

The password grant is there for first-party clients only, which OAuth 2.1 would not have; a third party never sees a
password. What is refused is refused in one shape, with the `error` that OAuth clients read beside the problem details.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Caller
from steersman.contract.service import Permission
from steersman.model.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    SteersmanError,
    Unauthenticated,
)
from steersman.runtime.http.handlers import guarded
from steersman.runtime.http.oauth import TOKEN_FORM, Tokens, attempt, client_in, fields_of, refusal, tokens_answer
from steersman.runtime.http.openapi import documented
from steersman.runtime.http.scope import TEMPLATE, address_of, caller_of
from steersman.runtime.identity import clients, sessions
from steersman.runtime.identity.clients import Exchange
from steersman.runtime.identity.identity import REFRESH_REFUSED, Identity, TokenPair
from steersman.runtime.identity.roles import INSTALLATION_WRITE, ROLES_WRITE

#: What somebody without a key may ask for.
OPEN = frozenset(
    {
        "/auth/token",
        "/auth/refresh",
        "/auth/jwks",
        "/auth/passkeys/challenge",
        "/auth/passkeys/sign-in",
        "/.well-known/oauth-authorization-server",
    }
)
#: Pages and addresses for browsers that somebody without a key gets to; they are no part of the API.
OPEN_PAGES = frozenset({"/setup", "/auth/invitation", "/auth/authorize", "/auth/oidc/start", "/auth/oidc/callback"})


class RefreshBody(BaseModel):
    """The refresh token of the last answer."""

    refresh_token: str = Field(min_length=1, max_length=4096)


class Me(BaseModel):
    """Who is calling, and what they may do; `*` is everything."""

    subject: str
    tenant: str
    account: str | None
    session: str | None
    permissions: list[str]


class SessionView(BaseModel):
    """One sign-in that is alive; `current` is the one that asks."""

    id: str
    kind: str
    address: str
    agent: str
    created_ms: int
    seen_ms: int
    expires_ms: int
    current: bool


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int


class _Counted(APIRoute):
    """Notes the template for the counts; asks for no permission."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer, template = super().get_route_handler(), self.path_format

        async def counted(request: Request) -> Response:
            request.scope[TEMPLATE] = template
            return await answer(request)

        return counted


class Auth:
    """The handlers."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def token(self, request: Request) -> Response:
        try:
            return tokens_answer(await self._granted(await fields_of(request), request))
        except SteersmanError as error:
            return refusal(error)

    async def refresh(self, request: Request, body: RefreshBody) -> Response:
        try:
            return tokens_answer(await self._refreshed(body.refresh_token, request))
        except SteersmanError as error:
            return refusal(error)

    def jwks(self) -> Any:
        now_s = self._identity.now_ms() // 1000
        return self._identity.ring.published(now_s)

    async def me(self, request: Request) -> Me:
        caller = caller_of(request)
        return Me(
            subject=caller.subject,
            tenant=caller.tenant,
            account=caller.account or None,
            session=caller.session or None,
            permissions=sorted(caller.permissions),
        )

    def logout(self, request: Request) -> Ended:
        caller = _without_key(request)
        if not caller.session:
            raise Conflict("the bootstrap token is no session, and stays valid")
        return Ended(ended=int(self._identity.end_session(caller, caller.session, "signed out")))

    def own(self, request: Request) -> list[SessionView]:
        caller = _without_key(request)
        with self._identity.ports.database.reading() as connection:
            rows = sessions.list_sessions(connection, caller.account, self._identity.now_ms())
        return [view_session(row, caller) for row in rows]

    def end_others(self, request: Request) -> Ended:
        caller = _without_key(request)
        if not caller.account:
            return Ended(ended=0)
        why = "ended by its owner"
        return Ended(ended=self._identity.end_sessions(caller, caller.account, why, but=caller.session))

    def end_one(self, request: Request, id: str) -> Ended:
        caller = _without_key(request)
        if not caller.account or not self._identity.end_session(caller, id, "ended by its owner"):
            raise NotFound("you have no such session")
        return Ended(ended=1)

    async def _granted(self, fields: Mapping[str, str], request: Request) -> TokenPair:
        match fields.get("grant_type"):
            case "password":
                signed_in = await self._identity.login.for_tokens(attempt(fields, request))
                return await run_in_threadpool(self._identity.first_pair, signed_in)
            case "refresh_token":
                client, secret = client_in(fields, request)
                await run_in_threadpool(self._prove, client, secret)
                return await self._refreshed(fields.get("refresh_token", ""), request, client)
            case "authorization_code":
                return await run_in_threadpool(self._exchanged, fields, request)
        raise InvalidInput("grant_type is password, authorization_code or refresh_token")

    async def _refreshed(self, token: str, request: Request, client: str = "") -> TokenPair:
        return await run_in_threadpool(self._identity.refreshed, token, address_of(request.scope), client)

    def _prove(self, client: str, secret: str) -> None:
        with self._identity.ports.database.reading() as connection:
            if client and not clients.proves(connection, client, secret):
                raise Unauthenticated(REFRESH_REFUSED)

    def _exchanged(self, fields: Mapping[str, str], request: Request) -> TokenPair:
        client, secret = client_in(fields, request)
        given = Exchange(
            fields.get("code", ""), client, fields.get("redirect_uri", ""), fields.get("code_verifier", "")
        )
        found = self._identity.delegation.exchange(given, secret, address_of(request.scope))
        return TokenPair(found.access, found.refresh, scope=" ".join(found.scopes))


def _without_key(request: Request) -> Caller:
    """Return a caller who has sessions to speak of; a key, however wide, does not reach its owner's sign-ins."""
    caller = caller_of(request)
    if caller.key:
        raise Forbidden("an API key has no sessions; whoever signs in sees and ends their own")
    return caller


def view_session(row: Any, caller: Caller) -> SessionView:
    """Return what people see of a session."""
    return SessionView(
        id=row.id,
        kind=row.kind,
        address=row.address,
        agent=row.agent,
        created_ms=row.created_ms,
        seen_ms=row.seen_ms,
        expires_ms=row.expires_ms,
        current=row.id == caller.session,
    )


def add_auth(app: FastAPI, identity: Identity) -> None:
    """Add the operations to the application."""
    auth = Auth(identity)
    open_to_all: dict[str, Any] = {"security": []}
    pair: dict[str, Any] = {"response_model": Tokens}
    form = {**open_to_all, "requestBody": TOKEN_FORM}
    add_operation(
        app, "POST", "/auth/token", auth.token, "Sign in, or refresh (OAuth 2.0 form).", openapi_extra=form, **pair
    )
    summary = "Exchange a refresh token, once, for the next pair."
    add_operation(app, "POST", "/auth/refresh", auth.refresh, summary, openapi_extra=open_to_all, **pair)
    summary = "The public keys that access tokens are verified with."
    add_operation(app, "GET", "/auth/jwks", auth.jwks, summary, openapi_extra=open_to_all)
    add_operation(app, "GET", "/auth/me", auth.me, "Who is calling, and what they may do.")
    add_operation(app, "POST", "/auth/logout", auth.logout, "End the session that asks.")
    add_operation(app, "GET", "/auth/sessions", auth.own, "The caller's own sessions.")
    add_operation(
        app, "DELETE", "/auth/sessions", auth.end_others, "End all of the caller's sessions but the one that asks."
    )
    add_operation(app, "DELETE", "/auth/sessions/{id}", auth.end_one, "End one of the caller's own sessions.")


#: What only an administrator may ask for here; everything else is about oneself.
GUARDED: Mapping[tuple[str, str], Permission] = {
    ("GET", "/auth/clients"): ROLES_WRITE,
    ("POST", "/auth/clients"): ROLES_WRITE,
    ("DELETE", "/auth/clients/{id}"): ROLES_WRITE,
    ("POST", "/auth/signing-keys"): INSTALLATION_WRITE,
    ("DELETE", "/auth/bootstrap"): INSTALLATION_WRITE,
    ("GET", "/auth/people/{name}/sessions"): "identity.users.read",
    ("DELETE", "/auth/people/{name}/sessions"): "identity.users.write",
}


def add_guarded(app: FastAPI, method: str, path: str, handler: Callable[..., Any], summary: str, **more: Any) -> None:
    """Add an operation of administration."""
    app.router.add_api_route(
        path,
        handler,
        methods=[method],
        summary=summary,
        tags=["identity"],
        operation_id=f"auth.{handler.__name__}",
        responses=documented(400, 404, 409, 429),
        route_class_override=guarded(GUARDED[method, path]),
        **more,
    )


def add_operation(app: FastAPI, method: str, path: str, handler: Callable[..., Any], summary: str, **more: Any) -> None:
    """Add an operation that any caller may ask for."""
    app.router.add_api_route(
        path,
        handler,
        methods=[method],
        summary=summary,
        tags=["auth"],
        operation_id=f"auth.{handler.__name__}",
        responses=documented(400, 404, 409, 429),
        route_class_override=_Counted,
        **more,
    )
