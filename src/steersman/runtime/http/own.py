"""What people change about themselves: their password and their second factor.

Each asks who is there: for the password once more, or for a sign-in of the last ten minutes. A session that was left
open, or was taken over, must not be able to shut its owner out.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

from fastapi import FastAPI
from pydantic import BaseModel, Field, SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, Forbidden, InvalidInput
from steersman.runtime.http.auth import Ended, add_operation
from steersman.runtime.http.scope import address_of, caller_of
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.login import Attempt

T = TypeVar("T")


class Change(BaseModel):
    """The password as it is, and as it shall be."""

    password: SecretStr | None = Field(default=None, max_length=1000)
    new_password: SecretStr = Field(max_length=1000)


class Confirmed(BaseModel):
    """The password, to go on; it may be left out shortly after a sign-in or `/auth/reauthenticate`."""

    password: SecretStr | None = Field(default=None, max_length=1000)


class Offer(BaseModel):
    """A secret for an authenticator app: as text, as an address, and as its QR code (SVG). Nothing is on yet."""

    secret: str
    uri: str
    picture: str


class Confirmation(BaseModel):
    """The password, the offered secret, and a code that shows that the app has it."""

    password: SecretStr | None = Field(default=None, max_length=1000)
    secret: str = Field(pattern=r"^[A-Z2-7]{32}$")
    code: str = Field(max_length=40)


class NewEmail(BaseModel):
    """Another address, and the password to confirm it."""

    email: str = Field(max_length=254, pattern=r"^$|^[^@\s]+@[^@\s]+$")
    password: SecretStr | None = Field(default=None, max_length=1000)


class Reauthentication(BaseModel):
    """The password, and a code where the account asks for one."""

    password: SecretStr = Field(max_length=1000)
    code: str = Field(default="", max_length=40)


class RecoveryCodes(BaseModel):
    """Each opens once in the place of a code, and none is shown again."""

    recovery_codes: list[str]


class Confirming:
    """Asks somebody who has a session to show once more who they are."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    @staticmethod
    def person(request: Request) -> Caller:
        """Return a caller who signed in themselves; a key, a client and the bootstrap token are nobody's sign-in."""
        caller = caller_of(request)
        if not caller.session or caller.key:
            raise Conflict("a person who has signed in changes this; keys and the bootstrap token have no password")
        return caller

    async def recent(self, request: Request) -> Caller:
        """Return a person who showed lately who they are; raises `Forbidden` with what to do."""
        caller = self.person(request)
        if not await run_in_threadpool(self._identity.own.is_recent, caller):
            raise Forbidden("show once more who you are, at /auth/reauthenticate, and repeat this")
        return caller

    async def by_password(self, request: Request, password: SecretStr | None) -> Caller:
        """Return a person who gave their password, or one who showed lately who they are."""
        if password is None:
            return await self.recent(request)
        caller = self.person(request)
        agent = request.headers.get("user-agent", "")
        given = Attempt(caller.subject, password.get_secret_value(), "", address_of(request.scope), agent)
        await self._identity.login.confirm(given)
        return caller


class Own:
    """The handlers."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._confirming = Confirming(identity)

    async def change_password(self, request: Request, body: Change) -> Ended:
        caller = self._confirming.person(request)
        if body.password is None and await run_in_threadpool(self._identity.own.has_password, caller):
            raise InvalidInput("the password as it is belongs to this, however lately you signed in")
        caller = await self._confirming.by_password(request, body.password)
        new = body.new_password.get_secret_value()
        return Ended(ended=await run_in_threadpool(self._identity.own.change_password, caller, new))

    async def change_email(self, request: Request, body: NewEmail) -> Response:
        caller = await self._confirming.by_password(request, body.password)
        await run_in_threadpool(self._identity.own.change_email, caller, body.email)
        return Response(status_code=204)

    async def offer_factor(self, request: Request, body: Confirmed) -> Offer:
        caller = await self._confirming.by_password(request, body.password)
        secret, uri = self._identity.factor.offer(caller.subject)
        return Offer(secret=secret, uri=uri, picture=picture_of(uri))

    async def switch_on(self, request: Request, body: Confirmation) -> RecoveryCodes:
        caller = await self._confirming.by_password(request, body.password)
        step = self._identity.factor.confirms(body.secret, body.code, self._identity.now_ms())
        if step is None:
            raise InvalidInput("this code is not of the offered secret; is the clock of the app right?")
        codes = await run_in_threadpool(self._identity.own.set_factor, caller, body.secret, step)
        return RecoveryCodes(recovery_codes=codes)

    async def switch_off(self, request: Request, body: Confirmed) -> RecoveryCodes:
        caller = await self._confirming.by_password(request, body.password)
        return RecoveryCodes(recovery_codes=await run_in_threadpool(self._identity.own.set_factor, caller, None))

    async def renew_recovery(self, request: Request, body: Confirmed) -> RecoveryCodes:
        caller = await self._confirming.by_password(request, body.password)
        return RecoveryCodes(recovery_codes=await run_in_threadpool(self._identity.own.renew_recovery, caller))

    async def reauthenticate(self, request: Request, body: Reauthentication) -> Response:
        caller = self._confirming.person(request)
        agent = request.headers.get("user-agent", "")
        given = Attempt(caller.subject, body.password.get_secret_value(), body.code, address_of(request.scope), agent)
        await self._identity.login.confirm_whole(given)
        await run_in_threadpool(self._identity.own.show_again, caller)
        return Response(status_code=204)


def picture_of(uri: str) -> str:
    """Return the QR code of an address as SVG, without style or script, for a page under a strict policy."""
    import segno

    drawn = BytesIO()
    form = {"scale": 4, "border": 4, "dark": "#000", "light": "#fff", "xmldecl": False, "nl": False}
    segno.make(uri, error="m").save(drawn, kind="svg", **form)
    return drawn.getvalue().decode()


def add_own(app: FastAPI, identity: Identity) -> None:
    """Add the operations to the application."""
    own = Own(identity)
    parts: tuple[tuple[str, str, Callable[..., Any], str], ...] = (
        ("PUT", "/auth/password", own.change_password, "Change one's own password; all other sessions end."),
        ("POST", "/auth/totp", own.offer_factor, "Offer a secret for an authenticator app."),
        ("PUT", "/auth/totp", own.switch_on, "Ask for codes from now on; answers the recovery codes."),
        ("POST", "/auth/totp/off", own.switch_off, "Ask for no codes any more."),
        ("POST", "/auth/recovery-codes", own.renew_recovery, "Make new recovery codes in the place of the old ones."),
    )
    for method, path, handler, summary in parts:
        add_operation(app, method, path, handler, summary)
    summary = "Change one's own e-mail address."
    add_operation(app, "PUT", "/auth/email", own.change_email, summary, status_code=204)
    summary = "Show once more who one is, for changes that ask for it."
    add_operation(app, "POST", "/auth/reauthenticate", own.reauthenticate, summary, status_code=204)
