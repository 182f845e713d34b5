"""The first visit: whoever holds the printed link makes the first administrator, and is signed in.

Once there is one, the page is gone and leads to the form. The local operator's key is taken back here, too.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steersman.model.errors import Conflict, InvalidInput, SteersmanError, Unauthenticated
from steersman.runtime.console.shell import Shell
from steersman.runtime.http.auth import add_guarded
from steersman.runtime.http.entrance import with_cookie
from steersman.runtime.http.scope import address_of, caller_of
from steersman.runtime.http.signin.forms import add_page, fields_of
from steersman.runtime.identity.identity import Identity

PATH = "/setup"
_SHOWN_NAME = 64


class Setup:
    """The page and its form."""

    def __init__(self, identity: Identity, shell: Shell) -> None:
        self._identity = identity
        self._shell = shell

    async def show(self, request: Request) -> Response:
        if not await run_in_threadpool(self._identity.first.is_wanted):
            return RedirectResponse("/login", 303)
        return self._page(request, request.query_params.get("token", ""))

    async def submit(self, request: Request) -> Response:
        fields = await fields_of(request)
        token, name = fields.get("token", ""), fields.get("username", "")
        if fields.get("password", "") != fields.get("again", ""):
            return self._page(request, token, name, "different")
        try:
            cookie = await run_in_threadpool(self._made, request, token, name, fields.get("password", ""))
        except Unauthenticated as error:
            return self._page(request, "", name, "link", error)
        except Conflict:
            return RedirectResponse("/login", 303)
        except InvalidInput as error:
            return self._page(request, token, name, "choice", error)
        return with_cookie(request, "/account?first", cookie)

    def rotate_signing(self, request: Request) -> dict[str, str]:
        """Let the next key sign now."""
        return {"kid": self._identity.rotate_signing(caller_of(request))}

    def revoke_bootstrap(self, request: Request) -> dict[str, str]:
        """Take back the key of this machine's operator."""
        self._identity.revoke_local_key(caller_of(request))
        return {"revoked": "bootstrap"}

    def _made(self, request: Request, token: str, name: str, password: str) -> str:
        address, agent = address_of(request.scope), request.headers.get("user-agent", "")
        account = self._identity.first.create(token, name, password, address)
        return self._identity.welcome(account.id, address, agent, "the set-up link").token

    def _page(
        self, request: Request, token: str, name: str = "", refusal: str = "", error: SteersmanError | None = None
    ) -> Response:
        values = {
            "token": token,
            "name": name[:_SHOWN_NAME],
            "refusal": refusal,
            "detail": error.message if error is not None else "",
        }
        status = 200 if not refusal else error.status if error is not None else 400
        return self._shell.own(request, None, "setup.html", values, status)


def add_setup(app: FastAPI, identity: Identity, shell: Shell) -> None:
    """Add the page to the application."""
    setup = Setup(identity, shell)
    add_page(app, "GET", PATH, setup.show)
    add_page(app, "POST", PATH, setup.submit)
    add_guarded(app, "POST", "/auth/signing-keys", setup.rotate_signing, "Sign with the next key from now on.")
    summary = "Take back the key in the data directory; a local command makes a new one."
    add_guarded(app, "DELETE", "/auth/bootstrap", setup.revoke_bootstrap, summary)
