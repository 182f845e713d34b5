"""Lets an operation go on only once another person has agreed to it, where `TwoPeople` is declared and asked for.

It stands between the framework and the handler: what was sent is known to be valid by then, and nothing has happened.
Two requests are the same when method, address and body are; only a digest of them is compared. What the second person
is shown comes from the validated values, where a `SecretStr` shows nothing of itself.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends
from fastapi.encoders import jsonable_encoder
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from steersman.contract.ports import Caller, Context
from steersman.contract.requirements import RequirePermission, RequireRole
from steersman.contract.service import Handler, Route, Service
from steersman.model.errors import Permanent
from steersman.runtime.actions import Approvals, Kind, Wanted
from steersman.runtime.actions.four_eyes import asks_route, operation_of, two_people
from steersman.runtime.http.scope import caller_of

#: The name of the parameter that handlers get here and never see.
_ASKED = "steersman_asked"
#: What is longer is not shown to the second person, who then sees only that it is long.
_LONGEST_SHOWN = 8_192


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who made it, and a digest of what it asks for."""

    caller: Caller
    digest: str


def marked(service: Service, route: Route, approvals: Approvals) -> dict[str, str] | None:
    """Return what the OpenAPI document says about it: that two people are asked for, or that they could be."""
    if two_people(route) is None:
        return None
    return {"x-four-eyes": "asked" if asks_route(service, route, approvals.patterns) else "offered"}


def consenting(service: Service, route: Route, approvals: Approvals) -> Handler:
    """Return the handler as it is, or one that asks for a second person first."""
    if not asks_route(service, route, approvals.patterns):
        return route.handler
    handler, asking = route.handler, functools.partial(_use, approvals, service, route)
    wrapper = _waiting(handler, asking) if inspect.iscoroutinefunction(handler) else _blocking(handler, asking)
    try:
        signature = inspect.signature(handler, eval_str=True)
    except NameError as error:
        raise Permanent(f"the service {service.name}: an annotation of {handler.__qualname__}: {error}") from error
    extra = inspect.Parameter(
        _ASKED, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Asked, Depends(_asked, use_cache=False)]
    )
    parameters = [*signature.parameters.values(), extra]
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # read by the framework
    return wrapper


def _blocking(handler: Handler, asking: Any) -> Handler:
    @functools.wraps(handler)
    def answer(**values: Any) -> Any:
        asking(values.pop(_ASKED), values)
        return handler(**values)

    return answer


def _waiting(handler: Handler, asking: Any) -> Handler:
    @functools.wraps(handler)
    async def answer(**values: Any) -> Any:
        await run_in_threadpool(asking, values.pop(_ASKED), values)
        return await handler(**values)

    return answer


def _use(approvals: Approvals, service: Service, route: Route, asked: Asked, values: Mapping[str, Any]) -> None:
    """Raise unless another person agreed to just this, and use that up."""
    wanted = Wanted(
        tenant=asked.caller.tenant,
        kind=Kind.OPERATION,
        operation=operation_of(service, route),
        key=asked.digest,
        args=_shown(values),
        permissions=(
            route.permission,
            *(one.permission for one in route.demands if isinstance(one, RequirePermission)),
        ),
        roles=tuple(one.role for one in route.demands if isinstance(one, RequireRole)),
    )
    approvals.use(wanted, asked.caller)


def _shown(values: Mapping[str, Any]) -> Any:
    sent = {name: value for name, value in values.items() if not isinstance(value, Context | Caller)}
    shown = jsonable_encoder(sent)
    return shown if len(json.dumps(shown)) <= _LONGEST_SHOWN else {"too_long": True}


async def _asked(request: Request) -> Asked:
    """Read the body, which the framework has kept, and put what is asked for into one form."""
    body: Any = await request.body()
    try:
        body = json.loads(body) if body else None
    except ValueError:
        body = sha256(body).hexdigest()
    parts = [request.method, request.url.path, sorted(request.query_params.multi_items()), body]
    form = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return Asked(caller_of(request), sha256(form.encode()).hexdigest())
