"""What people change about themselves: their password and their second factor.

Each asks for the password once more, because a session that was left open, or was taken over, must not be able to shut
its owner out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import FastAPI
from pydantic import BaseModel, Field, SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, InvalidInput
from steersman.runtime.http.auth import Ended, add_operation
from steersman.runtime.http.scope import address_of, caller_of
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.login import Attempt

T = TypeVar("T")


class Change(BaseModel):
    """The password as it is, and as it shall be."""

    password: SecretStr = Field(max_length=1000)
    new_password: SecretStr = Field(max_length=1000)


class Confirmed(BaseModel):
    """The password, to go on."""

    password: SecretStr = Field(max_length=1000)


class Offer(BaseModel):
    """A secret for an authenticator app, as text and as the address behind a QR code. Nothing is switched on yet."""

    secret: str
    uri: str


class Confirmation(BaseModel):
    """The password, the offered secret, and a code that shows that the app has it."""

    password: SecretStr = Field(max_length=1000)
    secret: str = Field(pattern=r"^[A-Z2-7]{32}$")
    code: str = Field(max_length=40)


class RecoveryCodes(BaseModel):
    """Each opens once in the place of a code, and none is shown again."""

    recovery_codes: list[str]


class Own:
    """The handlers."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def change_password(self, request: Request, body: Change) -> Ended:
        caller = await self._confirmed(request, body.password)
        new = body.new_password.get_secret_value()
        return Ended(ended=await run_in_threadpool(self._identity.change_password, caller, new))

    async def offer_factor(self, request: Request, body: Confirmed) -> Offer:
        caller = await self._confirmed(request, body.password)
        secret, uri = self._identity.factor.offer(caller.subject)
        return Offer(secret=secret, uri=uri)

    async def switch_on(self, request: Request, body: Confirmation) -> RecoveryCodes:
        caller = await self._confirmed(request, body.password)
        if not self._identity.factor.confirms(body.secret, body.code, self._identity.now_ms()):
            raise InvalidInput("this code is not of the offered secret; is the clock of the app right?")
        codes = await run_in_threadpool(self._identity.set_factor, caller, body.secret)
        return RecoveryCodes(recovery_codes=codes)

    async def switch_off(self, request: Request, body: Confirmed) -> RecoveryCodes:
        caller = await self._confirmed(request, body.password)
        return RecoveryCodes(recovery_codes=await run_in_threadpool(self._identity.set_factor, caller, None))

    async def _confirmed(self, request: Request, password: SecretStr) -> Caller:
        caller = caller_of(request)
        if not caller.session:
            raise Conflict("a person who has signed in changes this; keys and the bootstrap token have no password")
        agent = request.headers.get("user-agent", "")
        given = Attempt(caller.subject, password.get_secret_value(), "", address_of(request.scope), agent)
        await self._identity.login.confirm(given)
        return caller


def add_own(app: FastAPI, identity: Identity) -> None:
    """Add the operations to the application."""
    own = Own(identity)
    parts: tuple[tuple[str, str, Callable[..., Any], str], ...] = (
        ("PUT", "/auth/password", own.change_password, "Change one's own password; all other sessions end."),
        ("POST", "/auth/totp", own.offer_factor, "Offer a secret for an authenticator app."),
        ("PUT", "/auth/totp", own.switch_on, "Ask for codes from now on; answers the recovery codes."),
        ("POST", "/auth/totp/off", own.switch_off, "Ask for no codes any more."),
    )
    for method, path, handler, summary in parts:
        add_operation(app, method, path, handler, summary)
