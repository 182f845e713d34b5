"""The control API, the pages and the house's own endpoints, as one framework application behind the front."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from steersman import __version__
from steersman.contract.service import Page, Permission, Service
from steersman.model.errors import SteersmanError
from steersman.runtime.actions import Actions, Approvals
from steersman.runtime.console.assets import URL_PREFIX as STATIC
from steersman.runtime.console.assets import Assets
from steersman.runtime.console.shell import Shell
from steersman.runtime.house import House
from steersman.runtime.http.consent import consenting, marked
from steersman.runtime.http.derived import add_action, add_knob
from steersman.runtime.http.entrance import Entrance
from steersman.runtime.http.exposition import Exposition
from steersman.runtime.http.handlers import guarded, with_context
from steersman.runtime.http.openapi import document, documented
from steersman.runtime.http.problems import describe, field_errors, problem, unexpected
from steersman.runtime.http.scope import CALLER, ERROR_ID, TEMPLATE, caller_of, wants_html
from steersman.runtime.knobs import Knobs

#: The house's own endpoints need these permissions; the platform service declares them.
METRICS: Permission = "platform.metrics.read"
STATUS: Permission = "platform.status.read"


def build(house: House, shell: Shell, entrance: Entrance, actions: Actions, knobs: Knobs) -> FastAPI:
    """Return the application for everything but the hot paths."""
    app = FastAPI(
        title="Steersman",
        version=__version__,
        description="A self-hosted AI platform that operates itself.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _answer_errors(app, house, shell)
    _add_house(app, house)
    _add_doors(app, entrance)
    for service in house.services:
        _add_routes(app, house, service, actions.approvals)
        for action in service.actions:
            add_action(app, house, actions, service, action)
        for knob in service.knobs:
            add_knob(app, house, knobs, service, knob)
        for page in service.pages:
            _add_page(app, house, shell, service, page)
    return app


def _answer_errors(app: FastAPI, house: House, shell: Shell) -> None:
    def on_purpose(request: Request, error: Exception) -> Response:
        assert isinstance(error, SteersmanError)  # noqa: S101 - the framework's type is wider than its promise
        if wants_html(request):
            return shell.problem(request, request.scope.get(CALLER), error.status, error.message)
        return describe(error)

    def by_framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - see above
        detail = _in_words(request, error)
        if wants_html(request):
            return shell.problem(request, request.scope.get(CALLER), error.status_code, detail)
        return problem(error.status_code, detail, headers=error.headers)

    def wrong_input(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - see above
        return problem(400, "the request is not valid", errors=field_errors(error.errors()))

    def defect(request: Request, _error: Exception) -> Response:
        # The front logs it under the same id, with the trace.
        request.scope[ERROR_ID] = house.ports.ids.new()
        return unexpected(request.scope[ERROR_ID])

    app.add_exception_handler(SteersmanError, on_purpose)
    app.add_exception_handler(HTTPException, by_framework)
    app.add_exception_handler(RequestValidationError, wrong_input)
    app.add_exception_handler(Exception, defect)


def _in_words(request: Request, error: HTTPException) -> str:
    """Say what a person can do about an error of the framework, which only names it."""
    if error.status_code == 404:
        return f"there is nothing at {request.url.path}; /openapi.json lists what there is"
    if error.status_code == 405 and error.headers:
        return f"this path takes {error.headers['Allow']}"
    return error.detail


def _add_house(app: FastAPI, house: House) -> None:
    exposition = Exposition(house)
    described: dict[str, Any] = {}

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_request: Request) -> Response:
        checks = house.health()
        ready = all(check.ready for check in checks)
        body = {
            "status": "ready" if ready else "starting",
            "checks": [{"name": c.name, "ready": c.ready, "detail": c.detail} for c in checks],
        }
        return JSONResponse(body, 200 if ready else 503, None if ready else {"retry-after": "1"})

    async def metrics(request: Request) -> Response:
        caller_of(request).demand(METRICS)
        text, content_type = exposition.render(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": content_type})

    async def openapi(request: Request) -> Response:
        caller_of(request).demand(STATUS)
        if not described:
            described.update(document(app, house.services))
        return JSONResponse(described)

    for path, handler in {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": metrics,
        "/openapi.json": openapi,
    }.items():
        app.add_route(path, named(path, handler), methods=["GET"])


def _add_doors(app: FastAPI, entrance: Entrance) -> None:
    app.add_route("/login", named("/login", entrance.form), methods=["GET"])
    app.add_route("/login", named("/login", entrance.submit), methods=["POST"])
    app.add_route("/logout", named("/logout", entrance.leave), methods=["POST"])
    app.mount(STATIC, Assets())


def named(template: str, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Note the template for the counts, then answer."""

    async def answer(request: Request) -> Response:
        request.scope[TEMPLATE] = template
        response = handler(request)
        return response if isinstance(response, Response) else await response

    return answer


def _add_routes(app: FastAPI, house: House, service: Service, approvals: Approvals) -> None:
    for route in service.routes:
        four_eyes = marked(service, route, approvals)
        app.router.add_api_route(
            route.path,
            with_context(house, service, consenting(service, route, approvals)),
            methods=[route.method],
            status_code=route.status,
            summary=route.summary,
            tags=[service.name],
            responses=documented(*route.errors, *((409,) if four_eyes else ())),
            operation_id=f"{service.name}.{route.handler.__name__}",
            route_class_override=guarded(route.permission, route.demands),
            openapi_extra=four_eyes,
        )


def _add_page(app: FastAPI, house: House, shell: Shell, service: Service, page: Page) -> None:
    def view(request: Request) -> Mapping[str, Any]:
        caller = caller_of(request)
        caller.demand(page.permission)
        context = house.context(service, caller)
        return page.view(replace(context, query=dict(request.query_params)))

    async def show(request: Request) -> Response:
        values = await run_in_threadpool(view, request)
        return shell.page(request, caller_of(request), page, values)

    app.add_route(page.path, named(page.path, show), methods=["GET"])
