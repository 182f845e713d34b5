"""Fits a service's plain handler to the framework: fills in its `Context` and asks for its permission first.

The permission is checked before the body is read, so that somebody without it learns nothing from the validation.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from steersman.contract.ports import Caller, Context
from steersman.contract.requirements import Requirement, requirement_in
from steersman.contract.service import Handler, Permission, Service
from steersman.model.errors import Permanent
from steersman.runtime.house import House
from steersman.runtime.http.scope import TEMPLATE, caller_of


@dataclass(frozen=True, slots=True)
class Asks:
    """What is asked of whoever calls a guarded operation. Whoever tells people of it decides by the same."""

    permission: Permission
    demands: tuple[Requirement, ...] = ()

    def admit(self, caller: Caller) -> None:
        """Raise `Forbidden` for a caller without the permission, or who does not meet a demand."""
        caller.demand(self.permission)
        for one in self.demands:
            one.check(caller)


def guarded(permission: Permission, demands: Sequence[Requirement] = ()) -> type[APIRoute]:
    """Return the route class of operations that need this permission, and meet these demands."""
    asked = Asks(permission, tuple(demands))

    class Guarded(APIRoute):
        asks = asked

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()
            template = self.path_format

            async def ask_first(request: Request) -> Response:
                request.scope[TEMPLATE] = template
                asked.admit(caller_of(request))
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
    parameters = [_filled(one, filled, handler) for one in signature.parameters.values()]
    wrapper = _same_kind(handler)
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapper


def _filled(parameter: inspect.Parameter, context: Any, handler: Handler) -> inspect.Parameter:
    """Take over what the house gives: nobody outside may say in a request who they are."""
    if parameter.annotation is Context:
        return parameter.replace(annotation=context)
    if requirement_in(parameter.annotation) is not None:
        return parameter.replace(annotation=Annotated[Caller, Depends(_admitted)])
    if _is_about_caller(parameter.annotation):
        raise Permanent(
            f"the parameter {parameter.name} of {handler.__qualname__} would be read from the request: take it of the "
            "Context, or ask for something of the caller, Annotated[Caller, RequireRole(...)]"
        )
    return parameter


def _is_about_caller(annotation: Any) -> bool:
    """Tell whether a caller stands in it in any form, such as `Caller | None` or with what is no requirement."""
    return annotation is Caller or any(_is_about_caller(part) for part in get_args(annotation))


async def _admitted(request: Request) -> Caller:
    return caller_of(request)


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
