"""How a person gets in: a link with the token or a small form, exchanged for a session cookie.

The cookie holds no token, is never sent along by another site and is invisible to scripts.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from steersman.runtime.console.shell import Shell
from steersman.runtime.http.door import COOKIE, SESSION_SECONDS, Door


class Entrance:
    """The form, the link and the way out."""

    def __init__(self, door: Door, shell: Shell) -> None:
        self._door = door
        self._shell = shell

    def form(self, request: Request) -> Response:
        """Show the form; afterwards the person lands where they wanted to go."""
        wanted = request.url.path if request.url.path != "/login" else request.query_params.get("to", "/")
        return self._shell.login(request, to=_local(wanted))

    def link(self, request: Request) -> Response:
        """Take the token out of the address at once, so that it stays in no history."""
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        to = "/" + (f"?{urlencode(kept)}" if kept else "")
        return self._enter(request, request.query_params["token"], to)

    async def submit(self, request: Request) -> Response:
        """Check what the form posted."""
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        return self._enter(request, fields.get("token", [""])[0], _local(fields.get("to", ["/"])[0]))

    def leave(self, _request: Request) -> Response:
        """Forget the session in this browser."""
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    def _enter(self, request: Request, token: str, to: str) -> Response:
        given = token.strip().encode()
        if self._door.by_token(given) is None:
            return self._shell.login(request, to=to, refused=True)
        response = RedirectResponse(to, 303)
        response.set_cookie(
            COOKIE,
            self._door.session_for(given),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response


def _local(path: str) -> str:
    """Return a path of this server, never an address that leads elsewhere."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return "/"
    return path
