"""The REST face of what a service declares without any handler: its actions and its knobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Depends, FastAPI
from pydantic import BaseModel, Field, create_model

from steersman.contract.ports import Context
from steersman.contract.service import Action, Knob, Preview, Service
from steersman.runtime.actions import Actions, Done
from steersman.runtime.house import House
from steersman.runtime.http.handlers import context_for, guarded
from steersman.runtime.http.openapi import documented
from steersman.runtime.knobs import Knobs, Position

_KEY = Field(default=None, min_length=1, max_length=200, description="The same key gives one effect.")


class PreviewAnswer(BaseModel):
    """What the action would do and how it would be undone."""

    summary: str
    undo: str
    changes: dict[str, Any]


class KnobPosition(BaseModel):
    """Where a knob stands and how far it may be turned."""

    name: str
    help: str
    value: float
    default: float
    low: float
    high: float
    step: float
    cooldown_seconds: float
    guard: str


class Turn(BaseModel):
    """Where to turn a knob."""

    value: float = Field(allow_inf_nan=False)


class Undo(BaseModel):
    """Which application of the action to undo."""

    key: str = Field(min_length=1, max_length=200)


def _words(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))


def add_action(app: FastAPI, house: House, actions: Actions, service: Service, action: Action) -> None:
    """Add `POST /api/<service>/actions/<name>`, and its undo where there is one."""
    title = _words(service.name) + _words(action.name)
    body = create_model(
        f"{title}Request",
        args=(action.args, ...),
        key=(str | None, _KEY),
        dry_run=(bool, Field(default=False, description="Only say what would happen.")),
    )
    answer = create_model(
        f"{title}Answer",
        key=(str | None, None),
        repeated=(bool, False),
        preview=(PreviewAnswer | None, None),
        result=(Any, None),
    )
    given = Annotated[Context, Depends(context_for(house, service))]

    def perform(context: Context, wish: Any) -> dict[str, Any]:
        if wish.dry_run:
            return {"preview": _shown(actions.preview(context, action, wish.args))}
        return _told(actions.perform(context, service, action, wish.args, wish.key))

    async def act(context: given, wish: body) -> Any:
        return await _aside(lambda: perform(context, wish))

    async def undo(context: given, wish: Undo) -> Any:
        return await _aside(lambda: _told(actions.undo(context, service, action, wish.key)))

    path = f"/api/{service.name}/actions/{action.name}"
    # The annotations are values of this call, so they are given as values and not as source text.
    act.__annotations__ = {"context": given, "wish": body}
    undo.__annotations__ = {"context": given, "wish": Undo}
    common: dict[str, Any] = {
        "methods": ["POST"],
        "tags": [service.name],
        "responses": documented(400, 404, 409, 429),
        "response_model": answer,
        "response_model_exclude_none": True,
        "route_class_override": guarded(action.permission),
    }
    app.router.add_api_route(
        path,
        act,
        summary=action.help,
        operation_id=f"{service.name}.actions.{action.name}",
        openapi_extra={"x-four-eyes": "asked" if actions.asks_two_people(service, action) else "offered"},
        **common,
    )
    if action.undo or action.compensate:
        app.router.add_api_route(
            f"{path}/undo",
            undo,
            summary=f"Undo: {action.help}",
            operation_id=f"{service.name}.actions.{action.name}.undo",
            **common,
        )


async def _aside(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Wait in a thread, as long as the action allows."""
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _shown(preview: Preview) -> dict[str, Any]:
    return {"summary": preview.summary, "undo": preview.undo, "changes": dict(preview.changes)}


def _told(done: Done) -> dict[str, Any]:
    return {"key": done.key, "repeated": done.repeated, "result": done.result}


def add_knob(app: FastAPI, house: House, knobs: Knobs, service: Service, knob: Knob) -> None:
    """Add `GET` and `PUT /api/<service>/knobs/<name>`."""
    given = Annotated[Context, Depends(context_for(house, service))]

    def read(context: given) -> Mapping[str, Any]:
        return _position(knobs.position(context, knob))

    def turn(context: given, wish: Turn) -> Mapping[str, Any]:
        return _position(knobs.turn(context, service, knob, wish.value))

    read.__annotations__ = {"context": given}
    turn.__annotations__ = {"context": given, "wish": Turn}
    path = f"/api/{service.name}/knobs/{knob.name}"
    for method, handler, errors in (("GET", read, ()), ("PUT", turn, (400, 429))):
        app.router.add_api_route(
            path,
            handler,
            methods=[method],
            summary=knob.help,
            tags=[service.name],
            response_model=KnobPosition,
            operation_id=f"{service.name}.knobs.{knob.name}.{method.lower()}",
            responses=documented(*errors),
            route_class_override=guarded(knob.permission),
        )


def _position(position: Position) -> dict[str, Any]:
    knob = position.knob
    bounds = {name: getattr(knob, name) for name in ("name", "help", "default", "low", "high", "step", "guard")}
    return {**bounds, "cooldown_seconds": knob.cooldown_seconds, "value": position.value}
