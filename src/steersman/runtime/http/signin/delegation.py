"""Authorization code with PKCE (OAuth 2.1) for programs of third parties, its consent page, and who may register them.

`/auth/authorize` believes nothing but a registered address: what is wrong before that is told to the person, never
sent anywhere. The rest goes into a sealed ticket, and the browser comes back with it from a page of this site, because
the cookie of a session does not come along from another one. Answers name their issuer (RFC 9207).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, InvalidInput, Permanent
from steersman.runtime.console.shell import Shell
from steersman.runtime.http.auth import add_guarded, add_operation
from steersman.runtime.http.scope import caller_of
from steersman.runtime.http.signin.forms import add_page, fields_of, single
from steersman.runtime.identity.clients import CHALLENGE, Client
from steersman.runtime.identity.delegation import reach
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.sealing import Sealing

_PLACE = "authorization request"
_TICKET_SECONDS = 600
_LONGEST_STATE = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request whose client and address are known."""

    client: str
    redirect: str
    state: str
    challenge: str
    scopes: list[str]
    expires_s: int


class Misled(Exception):
    """A request that is told to its client, at its registered address, as OAuth's word for it."""

    def __init__(self, word: str, detail: str) -> None:
        super().__init__(detail)
        self.word, self.detail = word, detail


class NewClient(BaseModel):
    """A program of a third party: where it may be returned to, and the most that it may ever ask for."""

    name: str = Field(min_length=1, max_length=80)
    redirect_uris: list[str] = Field(min_length=1, max_length=10)
    scopes: list[str] = Field(min_length=1, max_length=50)
    confidential: bool = False


class ClientView(BaseModel):
    """A registered client."""

    client_id: str
    name: str
    redirect_uris: list[str]
    scopes: list[str]
    confidential: bool
    created_ms: int


class MadeClient(ClientView):
    """A new one, with its secret: shown this once, and null for a client that cannot keep one."""

    client_secret: str | None


class DelegationDoor:
    """The handlers."""

    def __init__(self, identity: Identity, shell: Shell) -> None:
        self._identity = identity
        self._shell = shell
        self._sealing = Sealing(identity.ring.ring.derivation)

    # ------------------------------------------------------------------------------------ for administrators

    def clients(self, request: Request) -> list[ClientView]:
        return [_view(one) for one in self._identity.delegation.list_clients(caller_of(request))]

    def add_client(self, request: Request, body: NewClient) -> MadeClient:
        client, secret = self._identity.delegation.register(
            caller_of(request), body.name, body.redirect_uris, body.scopes, confidential=body.confidential
        )
        return MadeClient(**_view(client).model_dump(), client_secret=secret or None)

    def revoke_client(self, request: Request, id: str) -> Response:
        self._identity.delegation.revoke(caller_of(request), id)
        return Response(status_code=204)

    # ------------------------------------------------------------------------------------------ for browsers

    async def authorize(self, request: Request) -> Response:
        """Take a request of a client and lead the browser on to the question, or back with what is wrong."""
        fields = single(request.url.query)
        client = await run_in_threadpool(self._identity.delegation.client, fields.get("client_id", ""))
        redirect = fields.get("redirect_uri", "")
        if client is None or redirect not in client.redirects:
            raise InvalidInput(
                "no registered program asks from there: its client_id or its redirect_uri is another one"
            )
        try:
            asked = self._asked(client, redirect, fields)
        except Misled as misled:
            told = {"error": misled.word, "error_description": misled.detail, "state": fields.get("state", "")}
            return RedirectResponse(self._address(request, redirect, told), 303)
        return self._shell.own(request, None, "leading.html", {"address": f"/consent/{self._ticket(asked)}", "out": ""})

    async def question(self, request: Request) -> Response:
        """Ask the person; what the client cannot get is not asked for."""
        asked, client, caller = await self._read(request)
        values = {
            "client": client.name,
            "host": urlsplit(asked.redirect).hostname or urlsplit(asked.redirect).scheme,
            "scopes": reach(client, asked.scopes, caller),
            "path": request.url.path,
        }
        return self._shell.own(request, caller, "consent.html", values)

    async def answer(self, request: Request) -> Response:
        """Lead back to the client, with a code or with a no."""
        asked, client, caller = await self._read(request)
        if (await fields_of(request)).get("decision") == "allow":
            grant = self._identity.delegation.grant
            code = await run_in_threadpool(grant, caller, client, asked.redirect, asked.challenge, asked.scopes)
            told = {"code": code, "state": asked.state}
        else:
            told = {"error": "access_denied", "state": asked.state}
        address = self._address(request, asked.redirect, told)
        # A redirect after a form would be held against `form-action`; a page that leads on is not.
        return self._shell.own(request, caller, "leading.html", {"address": address, "out": client.name})

    def metadata(self, request: Request) -> dict[str, Any]:
        """Describe this server to clients (RFC 8414)."""
        issuer = issuer_of(request, self._identity)
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/auth/authorize",
            "token_endpoint": f"{issuer}/auth/token",
            "jwks_uri": f"{issuer}/auth/jwks",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _asked(self, client: Client, redirect: str, fields: Mapping[str, str]) -> Asked:
        if fields.get("response_type") != "code":
            raise Misled("unsupported_response_type", "response_type is code")
        if fields.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(fields.get("code_challenge", "")):
            raise Misled("invalid_request", "PKCE with S256 is required")
        if "request" in fields or "request_uri" in fields:
            raise Misled("request_not_supported", "parameters are given as they are")
        scopes = fields.get("scope", "").split()
        if not set(scopes) <= set(client.scopes):
            raise Misled("invalid_scope", "this program was not registered for that")
        state = fields.get("state", "")
        if len(state) > _LONGEST_STATE:
            raise Misled("invalid_request", "state is too long")
        expires_s = self._identity.now_ms() // 1000 + _TICKET_SECONDS
        return Asked(client.id, redirect, state, fields["code_challenge"], scopes, expires_s)

    async def _read(self, request: Request) -> tuple[Asked, Client, Caller]:
        caller = caller_of(request)
        if not caller.session or caller.key:
            raise Conflict("a person who has signed in answers this")
        asked = self._opened(request.path_params["ticket"])
        client = await run_in_threadpool(self._identity.delegation.client_for, caller, asked.client)
        if client is None or asked.redirect not in client.redirects:
            raise InvalidInput("this program is not registered any more")
        return asked, client, caller

    def _ticket(self, asked: Asked) -> str:
        sealed = self._sealing.seal(json.dumps(asdict(asked)).encode(), _PLACE)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _opened(self, ticket: str) -> Asked:
        try:
            sealed = base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
            asked = Asked(**json.loads(self._sealing.open(sealed, _PLACE)))
        except (binascii.Error, ValueError, Permanent) as error:
            raise InvalidInput("this question was not asked here: begin again at the program") from error
        if asked.expires_s <= self._identity.now_ms() // 1000:
            raise InvalidInput("this question is too old: begin again at the program")
        return asked

    def _address(self, request: Request, redirect: str, told: dict[str, str]) -> str:
        fields = {name: value for name, value in told.items() if value}
        query = urlencode({**fields, "iss": issuer_of(request, self._identity)})
        return f"{redirect}{'&' if urlsplit(redirect).query else '?'}{query}"


def issuer_of(request: Request, identity: Identity) -> str:
    """Return what this server calls itself to clients; the door has checked the host."""
    return identity.settings.public_address or f"{request.url.scheme}://{request.url.netloc}"


def _view(client: Client) -> ClientView:
    return ClientView(
        client_id=client.id,
        name=client.name,
        redirect_uris=list(client.redirects),
        scopes=list(client.scopes),
        confidential=client.confidential,
        created_ms=client.created_ms,
    )


def add_delegation(app: FastAPI, identity: Identity, shell: Shell) -> None:
    """Add the operations and the pages to the application."""
    door = DelegationDoor(identity, shell)
    add_guarded(app, "GET", "/auth/clients", door.clients, "The registered programs of third parties.")
    add_guarded(app, "POST", "/auth/clients", door.add_client, "Register a program of a third party.")
    summary = "Revoke a program; all its tokens end."
    add_guarded(app, "DELETE", "/auth/clients/{id}", door.revoke_client, summary, status_code=204)
    summary = "What clients have to know about this server (RFC 8414)."
    open_to_all: dict[str, Any] = {"openapi_extra": {"security": []}}
    add_operation(app, "GET", "/.well-known/oauth-authorization-server", door.metadata, summary, **open_to_all)
    add_page(app, "GET", "/auth/authorize", door.authorize)
    add_page(app, "GET", "/consent/{ticket}", door.question)
    add_page(app, "POST", "/consent/{ticket}", door.answer)
