"""Turns declared pages into HTML: the navigation made of what the caller may see, the language, the headers.

The policy of every page forbids inline script, inline style and anything from elsewhere. Authenticates nobody:
`runtime/http` says who is calling and when to show the form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse

from steersman.contract.ports import Caller
from steersman.contract.service import Page
from steersman.runtime.console.language import COOKIE, QUERY, Language, asked_language, language_of
from steersman.runtime.console.rendering import render

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_YEAR_SECONDS = 31_536_000


class Refusal(StrEnum):
    """Why somebody was not let in, as the form tells it."""

    TOKEN = "token"  # noqa: S105 - the name of a field
    PASSWORD = "password"  # noqa: S105 - the name of a field
    BUSY = "busy"
    PROVIDER = "provider"


def _respond(request: Request, html: str, status: int) -> HTMLResponse:
    response = HTMLResponse(html, status, PAGE_HEADERS)
    if asked := asked_language(request):
        response.set_cookie(COOKIE, asked, max_age=_YEAR_SECONDS, samesite="lax", httponly=True)
    return response


class Shell:
    """The frame around every page. `pages` are those of all services, in the order of the menu."""

    def __init__(self, pages: Sequence[Page], providers: Sequence[tuple[str, str]] = ()) -> None:
        self._pages = tuple(pages)
        #: The outside providers that the form offers: the name in the settings, and the one for people.
        self.providers = tuple(providers)

    def _frame(self, request: Request, caller: Caller | None, language: Language) -> dict[str, Any]:
        chinese = language is Language.CHINESE
        allowed = [page for page in self._pages if caller is not None and caller.may(page.permission)]
        return {
            "menu": [(page.path, page.title_zh if chinese else page.title) for page in allowed],
            "path": request.url.path,
            "kept": urlencode([pair for pair in request.query_params.multi_items() if pair[0] != QUERY]),
            "origin": str(request.base_url).rstrip("/"),
            "who": caller.subject if caller is not None else "",
        }

    def page(self, request: Request, caller: Caller, page: Page, values: Mapping[str, Any]) -> HTMLResponse:
        """Render a declared page with the values of its view."""
        language = language_of(request)
        frame = self._frame(request, caller, language)
        frame["title"] = page.title_zh if language is Language.CHINESE else page.title
        html = render(page.view.__module__, page.template, language, {**frame, **values})
        return _respond(request, html, 200)

    def login(self, request: Request, *, to: str = "/", refusal: Refusal | None = None) -> HTMLResponse:
        """Render the forms that post to `/login`: `username`, `password` and `totp`, or `token`; and `to`."""
        values = {"to": to, "refusal": refusal, "providers": self.providers}
        return self.own(request, None, "login.html", values, 429 if refusal is Refusal.BUSY else 401)

    def own(
        self, request: Request, caller: Caller | None, template: str, values: Mapping[str, Any], status: int = 200
    ) -> HTMLResponse:
        """Render one of the house's own pages, which belong to no service."""
        language = language_of(request)
        html = render(__name__, template, language, {**self._frame(request, caller, language), **values})
        return _respond(request, html, status)

    def problem(self, request: Request, caller: Caller | None, status: int, detail: str) -> HTMLResponse:
        """Render an error for a person; programs get problem details instead."""
        language = language_of(request)
        values = {**self._frame(request, caller, language), "status": status, "detail": detail}
        return _respond(request, render(__name__, "problem.html", language, values), status)
