"""Where somebody who was invited chooses the password of their account.

The link says whose account it is, and nothing else is told to whoever has no good one. It signs nobody in: the second
factor of an account that has one is asked for at the door, as always.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steersman.model.errors import InvalidInput, SteersmanError, Unauthenticated
from steersman.runtime.console.shell import Shell
from steersman.runtime.http.scope import address_of
from steersman.runtime.http.signin.forms import add_page, fields_of
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.invitations import Invitations

PATH = "/auth/invitation"
_LONGEST = 200


class Invited:
    """The page and its form."""

    def __init__(self, identity: Identity, shell: Shell) -> None:
        parts = (identity.passwords, identity.evidence, identity.admission, identity.standing)
        self._invitations = Invitations(identity.ports, *parts)
        self._shell = shell

    async def show(self, request: Request) -> Response:
        token = request.query_params.get("token", "")[:_LONGEST]
        name = await run_in_threadpool(self._invitations.name_for, token)
        return self._page(request, token, name) if name is not None else self._refused(request)

    async def submit(self, request: Request) -> Response:
        fields = await fields_of(request)
        token, password = fields.get("token", "")[:_LONGEST], fields.get("password", "")
        name = await run_in_threadpool(self._invitations.name_for, token)
        if name is not None and password != fields.get("again", ""):
            return self._page(request, token, name, "different")
        try:
            await run_in_threadpool(self._invitations.accept, token, password, address_of(request.scope))
        except Unauthenticated:
            return self._refused(request)
        except InvalidInput as error:
            return self._page(request, token, name, "choice", error)
        return RedirectResponse("/login", 303)

    def _refused(self, request: Request) -> Response:
        return self._page(request, "", None, "link")

    def _page(
        self,
        request: Request,
        token: str,
        name: str | None,
        refusal: str = "",
        error: SteersmanError | None = None,
    ) -> Response:
        values = {"token": token, "name": name or "", "refusal": refusal, "detail": error.message if error else ""}
        status = {"": 200, "link": 401}.get(refusal, 400)
        return self._shell.own(request, None, "invited.html", values, status)


def add_invited(app: FastAPI, identity: Identity, shell: Shell) -> None:
    """Add the page to the application."""
    invited = Invited(identity, shell)
    add_page(app, "GET", PATH, invited.show)
    add_page(app, "POST", PATH, invited.submit)
