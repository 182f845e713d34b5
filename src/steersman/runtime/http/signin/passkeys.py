"""Passkeys over HTTP: one's own, and signing in with one, alone or after the password.

Challenges for a sign-in are tied to the browser by a cookie, those for one's own keys to the session.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from pydantic import BaseModel, Field, SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, InvalidInput, SteersmanError
from steersman.runtime.http.auth import add_operation
from steersman.runtime.http.entrance import local_path, set_session
from steersman.runtime.http.own import Confirming, RecoveryCodes
from steersman.runtime.http.problems import describe
from steersman.runtime.http.scope import address_of
from steersman.runtime.http.signin.forms import bind, binding_of, new_binding
from steersman.runtime.identity import passkeys
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.login import Attempt
from steersman.runtime.identity.passkeys import RelyingParty

_TITLE = Field(default="", max_length=80)


class NewPasskey(BaseModel):
    """What the browser made, and what its owner calls it."""

    name: str = _TITLE
    credential: dict[str, Any] = Field(max_length=12)


class PasskeyName(BaseModel):
    """What a passkey is called."""

    name: str = Field(min_length=1, max_length=80)


class PasskeyView(BaseModel):
    """One passkey; `synced` says that its owner's devices share it."""

    id: str
    name: str
    synced: bool
    created_ms: int
    used_ms: int | None


class Answered(BaseModel):
    """What the browser signed; with a name and a password it stands for the second factor."""

    credential: dict[str, Any] = Field(max_length=12)
    username: str = Field(default="", max_length=256)
    password: SecretStr = Field(default=SecretStr(""), max_length=1000)
    to: str = Field(default="/", max_length=2000)


class Entered(BaseModel):
    """Where to go on; the cookie of the session came along."""

    to: str


class Asked(BaseModel):
    """Whether a passkey is asked for after the password."""

    on: bool


class PasskeyDoor:
    """The handlers."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._confirming = Confirming(identity)

    async def passkeys(self, request: Request) -> list[PasskeyView]:
        caller = self._confirming.person(request)
        return await run_in_threadpool(self._listed, caller.account)

    async def offer_passkey(self, request: Request) -> dict[str, Any]:
        caller, party = await self._confirming.recent(request), party_of(request, self._identity)

        def options() -> dict[str, Any]:
            with self._identity.ports.database.reading() as connection:
                return self._identity.passkeys.creation_options(connection, party, caller)

        return await run_in_threadpool(options)

    async def add_passkey(self, request: Request, body: NewPasskey) -> PasskeyView:
        caller, party = await self._confirming.recent(request), party_of(request, self._identity)
        return await run_in_threadpool(self._added, caller, party, body)

    async def rename_passkey(self, request: Request, id: str, body: PasskeyName) -> Response:
        caller = await self._confirming.recent(request)
        await run_in_threadpool(self._identity.own.rename_passkey, caller, id, body.name)
        return Response(status_code=204)

    async def remove_passkey(self, request: Request, id: str) -> Response:
        caller = await self._confirming.recent(request)
        await run_in_threadpool(self._identity.own.remove_passkey, caller, id)
        return Response(status_code=204)

    async def ask_passkey(self, request: Request, body: Asked) -> RecoveryCodes:
        caller = await self._confirming.recent(request)
        codes = await run_in_threadpool(self._identity.own.ask_passkey, caller, on=body.on)
        return RecoveryCodes(recovery_codes=codes)

    async def challenge(self, request: Request) -> Response:
        """Ask any passkey of this site; the cookie ties the answer to this browser."""
        try:
            party = party_of(request, self._identity)
        except Conflict as error:
            return describe(InvalidInput(error.message))
        binding = new_binding()
        options = await run_in_threadpool(self._identity.passkeys.request_options, party, binding)
        return bind(request, JSONResponse(options, headers={"cache-control": "no-store"}), binding)

    async def sign_in(self, request: Request, body: Answered) -> Response:
        try:
            cookie = await self._entered(request, body)
        except SteersmanError as error:
            return describe(error)
        return set_session(request, JSONResponse({"to": local_path(body.to)}), cookie)

    async def _entered(self, request: Request, body: Answered) -> str:
        party, bound = party_of(request, self._identity), binding_of(request)
        address, agent = address_of(request.scope), request.headers.get("user-agent", "")
        if not body.username:
            arrival = (address, agent)
            return (
                await run_in_threadpool(self._identity.enter_by_passkey, party, bound, body.credential, arrival)
            ).token
        proof = self._identity.proof_by_passkey(party, bound, body.credential)
        attempt = Attempt(body.username, body.password.get_secret_value(), "", address, agent, proof)
        return (await self._identity.login.for_console(attempt)).token

    def _added(self, caller: Caller, party: RelyingParty, body: NewPasskey) -> PasskeyView:
        made = self._identity.own.add_passkey(caller, party, body.name or "Passkey", body.credential)
        return next(one for one in self._listed(caller.account) if one.id == made)

    def _listed(self, account: str) -> list[PasskeyView]:
        with self._identity.ports.database.reading() as connection:
            return [
                PasskeyView(id=row.id, name=row.name, synced=row.synced, created_ms=row.created_ms, used_ms=row.used_ms)
                for row in passkeys.rows_of(connection, account)
            ]


def party_of(request: Request, identity: Identity) -> RelyingParty:
    """Return whom passkeys are for: the public address of the settings, else this machine under its name.

    A bare address is nobody's name to a browser; raises `Conflict` for a page that was opened by one.
    """
    if address := identity.settings.public_address:
        return RelyingParty(urlsplit(address).hostname or "", address)
    if request.url.hostname == "localhost":
        return RelyingParty("localhost", f"{request.url.scheme}://{request.url.netloc}")
    raise Conflict(
        "a passkey belongs to a name: open this page as localhost, or let an administrator set identity.public_address"
    )


def add_passkeys(app: FastAPI, identity: Identity) -> None:
    """Add the operations to the application."""
    door = PasskeyDoor(identity)
    open_to_all: dict[str, Any] = {"openapi_extra": {"security": []}}
    own = "/auth/passkeys"
    add_operation(app, "GET", own, door.passkeys, "The caller's own passkeys.")
    add_operation(app, "POST", f"{own}/offer", door.offer_passkey, "Begin to register a passkey.")
    add_operation(app, "POST", own, door.add_passkey, "Register a passkey that the browser made.")
    add_operation(app, "PATCH", f"{own}/{{id}}", door.rename_passkey, "Call a passkey something else.", status_code=204)
    add_operation(app, "DELETE", f"{own}/{{id}}", door.remove_passkey, "Remove a passkey.", status_code=204)
    add_operation(app, "PUT", f"{own}/second-factor", door.ask_passkey, "Ask for a passkey after the password, or not.")
    add_operation(app, "POST", f"{own}/challenge", door.challenge, "Begin to sign in with a passkey.", **open_to_all)
    summary = "Sign in with a passkey, alone or after the password."
    add_operation(app, "POST", f"{own}/sign-in", door.sign_in, summary, response_model=Entered, **open_to_all)
