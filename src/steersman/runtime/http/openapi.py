"""The OpenAPI 3.1 document: what FastAPI derives from the handlers, plus what it cannot know.

That is the bearer key, the problem details of every error, and the hot paths that never reach the framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from starlette.routing import compile_path

from steersman.contract.service import RawRoute, Service
from steersman.runtime.http.problems import MEDIA_TYPE, Problem

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
#: Any operation can answer these.
_ALWAYS = (401, 403, 413, 421, 500, 503)
#: The door answers these before any handler is asked, so that they have one form on every path.
_AT_THE_DOOR = (401, 403, 421)


def documented(*errors: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses` for an operation with these errors of its own."""
    return {code: _error(code) for code in sorted({*_ALWAYS, *errors})}


def _error(code: int) -> dict[str, Any]:
    return {"description": HTTPStatus(code).phrase, "content": _PROBLEM}


def _in_its_own_form(code: int) -> dict[str, Any]:
    """An error that a hot path tells in its protocol's own form, which its senders read."""
    return {"description": f"{HTTPStatus(code).phrase}, in the form of this endpoint's protocol."}


def document(app: FastAPI, services: Sequence[Service]) -> dict[str, Any]:
    """Build the document once; the routes do not change while the platform runs."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for framework_own in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework_own, None)
    schemas["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"bearer": []}]
    found["tags"] = [{"name": service.name, "description": service.help} for service in services]
    paths = found.setdefault("paths", {})
    for operations in paths.values():
        for operation in operations.values():
            _use_our_errors(operation)
    for service in services:
        for route in service.raw_routes:
            paths.setdefault(route.path, {}).update(_hot_operations(service, route, schemas))
    return found


def _use_our_errors(operation: dict[str, Any]) -> None:
    """Wrong input is a 400 with problem details here, not the framework's 422."""
    if operation["responses"].pop("422", None):
        operation["responses"]["400"] = _error(400)


def _hot_operations(service: Service, route: RawRoute, schemas: dict[str, Any]) -> dict[str, Any]:
    _, _, convertors = compile_path(route.path)
    operation: dict[str, Any] = {
        "summary": route.summary,
        "tags": [service.name],
        "responses": {
            "default": {"description": "As the protocol of this endpoint defines it."},
            **{str(code): _error(code) if code in _AT_THE_DOOR else _in_its_own_form(code) for code in (400, *_ALWAYS)},
        },
    }
    if route.answer is not None:
        content = {"application/json": {"schema": _schema(service, route.answer, schemas)}}
        operation["responses"]["200"] = {"description": "Successful Response", "content": content}
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in convertors]
    if route.query is not None:
        parameters += _query_parameters(service, route.query, schemas)
    if parameters:
        operation["parameters"] = parameters
    return {method.lower(): operation for method in sorted(route.methods)}


def _described(service: Service, kind: Any, mode: JsonSchemaMode, schemas: dict[str, Any]) -> dict[str, Any]:
    """Describe a type; the models that it names join the others, under names that no other service has."""
    prefix = f"{service.name.capitalize()}."
    template = f"#/components/schemas/{prefix}{{model}}"
    found: dict[str, Any] = TypeAdapter(kind).json_schema(ref_template=template, mode=mode)
    schemas.update({f"{prefix}{name}": schema for name, schema in found.pop("$defs", {}).items()})
    return found


def _schema(service: Service, kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    found = _described(service, kind, "serialization", schemas)
    if "properties" not in found:
        return found
    name = f"{service.name.capitalize()}.{found['title']}"
    schemas[name] = found
    return {"$ref": f"#/components/schemas/{name}"}


def _query_parameters(service: Service, query: Any, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe each field of a model of the address as a parameter of its own."""
    found = _described(service, query, "validation", schemas)
    required = found.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in found["properties"].items()
    ]
