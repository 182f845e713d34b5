"""Fits a service's plain handler to the framework: fills in its `Context` and asks for its permission first.

The permission is checked before the body is read, so that somebody without it learns nothing from the validation.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Context
from steersman.contract.service import Handler, Permission, Service
from steersman.model.errors import Permanent
from steersman.runtime.house import House
from steersman.runtime.http.scope import TEMPLATE, caller_of


def guarded(permission: Permission) -> type[APIRoute]:
    """Return the route class of operations that need this permission."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()
            template = self.path_format

            async def ask_first(request: Request) -> Response:
                request.scope[TEMPLATE] = template
                caller_of(request).demand(permission)
                return await answer(request)

            return ask_first

    return Guarded


def context_for(house: House, service: Service) -> Callable[[Request], Awaitable[Context]]:
    """Return the dependency that gives a handler of this service its context."""

    async def provide(request: Request) -> Context:
        return house.context(service, caller_of(request))

    return provide


def with_context(house: House, service: Service, handler: Handler) -> Handler:
    """Return the handler with its `Context` parameter taken over by the house; plain `def` stays plain `def`."""
    try:
        signature = inspect.signature(handler, eval_str=True)
    except NameError as error:
        raise Permanent(
            f"the service {service.name}: an annotation of {handler.__qualname__} is not there at run time: {error}"
        ) from error
    filled = Annotated[Context, Depends(context_for(house, service))]
    parameters = [
        parameter.replace(annotation=filled) if parameter.annotation is Context else parameter
        for parameter in signature.parameters.values()
    ]
    wrapper = _same_kind(handler)
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapper


def _same_kind(handler: Handler) -> Handler:
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def waiting(**values: Any) -> Any:
            return await handler(**values)

        return waiting

    @functools.wraps(handler)
    def blocking(**values: Any) -> Any:
        return handler(**values)

    return blocking
