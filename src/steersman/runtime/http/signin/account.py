"""The page of one's own account, one's own API keys, and the sessions of others for whoever looks after them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Caller
from steersman.runtime.console.shell import Shell
from steersman.runtime.http.auth import Ended, SessionView, add_guarded, add_operation, view_session
from steersman.runtime.http.own import Confirming
from steersman.runtime.http.scope import caller_of
from steersman.runtime.http.signin.forms import add_page
from steersman.runtime.identity.apikeys import KeyRecord
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.login import row_by_id


class NewKey(BaseModel):
    """What the key is for, what it may do, and for how long."""

    label: str = Field(default="", max_length=80)
    scopes: list[str] = Field(min_length=1, max_length=50)
    days: int = Field(default=90, ge=1, le=365)


class KeyView(BaseModel):
    """An API key of one's own, without the key itself."""

    id: str
    label: str
    scopes: list[str]
    created_ms: int
    expires_ms: int
    revoked_ms: int | None


class MadeKey(BaseModel):
    """A new key, shown this once."""

    id: str
    key: str


class AccountDoor:
    """The handlers."""

    def __init__(self, identity: Identity, shell: Shell) -> None:
        self._identity = identity
        self._shell = shell
        self._confirming = Confirming(identity)

    async def page(self, request: Request) -> Response:
        caller = caller_of(request)
        person = bool(caller.session) and not caller.key
        state = await run_in_threadpool(self._state, caller) if person else {}
        values = {"person": person, "first": "first" in request.query_params, "providers": self._shell.providers}
        return self._shell.own(request, caller, "account.html", {**values, "state": state})

    def own_keys(self, request: Request) -> list[KeyView]:
        caller = self._confirming.person(request)
        return [_view(one) for one in self._identity.possessions.own_keys(caller)]

    async def make_own_key(self, request: Request, body: NewKey) -> MadeKey:
        caller = await self._confirming.recent(request)
        make = self._identity.possessions.make_key
        made, key = await run_in_threadpool(make, caller, body.label, body.scopes, body.days)
        return MadeKey(id=made, key=key)

    def revoke_own_key(self, request: Request, id: str) -> Response:
        self._identity.possessions.revoke_key(self._confirming.person(request), id)
        return Response(status_code=204)

    def sessions_of(self, request: Request, name: str) -> list[SessionView]:
        caller = caller_of(request)
        return [view_session(row, caller) for row in self._identity.possessions.sessions_of(caller, name)]

    def end_sessions_of(self, request: Request, name: str) -> Ended:
        return Ended(ended=self._identity.possessions.end_sessions_of(caller_of(request), name))

    def _state(self, caller: Caller) -> dict[str, Any]:
        with self._identity.ports.database.reading() as connection:
            row = row_by_id(connection, caller.account)
        held = {"totp": False, "asks_passkey": False, "has_password": False, "email": ""}
        if row is not None:
            held = {
                "totp": row.totp is not None,
                "asks_passkey": bool(row.asks_passkey),
                "has_password": row.password is not None,
                "email": row.email,
            }
        return {**held, "permissions": sorted(caller.permissions)}


def _view(key: KeyRecord) -> KeyView:
    return KeyView(
        id=key.id,
        label=key.label,
        scopes=list(key.scopes),
        created_ms=key.created_ms,
        expires_ms=key.expires_ms,
        revoked_ms=key.revoked_ms,
    )


def add_account(app: FastAPI, identity: Identity, shell: Shell) -> None:
    """Add the page and the operations to the application."""
    door = AccountDoor(identity, shell)
    add_page(app, "GET", "/account", door.page)
    add_operation(app, "GET", "/auth/keys", door.own_keys, "The caller's own API keys.")
    add_operation(app, "POST", "/auth/keys", door.make_own_key, "Make an API key of one's own.")
    add_operation(app, "DELETE", "/auth/keys/{id}", door.revoke_own_key, "Revoke one's own API key.", status_code=204)
    people = "/auth/people/{name}/sessions"
    add_guarded(app, "GET", people, door.sessions_of, "The sessions of somebody within one's reach.")
    add_guarded(app, "DELETE", people, door.end_sessions_of, "End every session of somebody within one's reach.")
