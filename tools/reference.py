"""Write docs/reference.md from what the services declare, so that the reference cannot be out of date.

`make reference` writes it; a test compares. Nothing is described here: every word comes from a declaration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from inspect import get_annotations
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from steersman.cli import found_commands
from steersman.contract.service import Service
from steersman.runtime.registry import GROUP
from steersman.runtime.settings import HouseSettings

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"

_HEAD = """# Reference

Written by `make reference` from what the services declare; do not edit it. The operations of the
control API with their types are in `/openapi.json` of a running platform.
"""


Row = tuple[str, ...]


def table(titles: Row, rows: Iterable[Row]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(titles)} |", "|" + "---|" * len(titles), *lines])


def type_name(annotation: Any) -> str:
    """Name a type as a person would write it, without the checks that `Annotated` carries."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(inner[0])
    if origin in {Union, UnionType}:
        return " or ".join(type_name(part) for part in inner)
    if origin is Literal:
        return " or ".join(str(part) for part in inner)
    if origin is not None:
        return f"{origin.__name__}[{', '.join('...' if part is ... else type_name(part) for part in inner)}]"
    return "none" if annotation is NoneType else str(annotation.__name__)


def default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required" if field.is_required() else ""
    if isinstance(field.default, BaseModel):
        return ""
    return f"`{field.default}`"


def settings(section: str, model: type[BaseModel]) -> Iterator[Row]:
    """Every key of a settings model, with the keys inside it."""
    for name, field in model.model_fields.items():
        inner = [part for part in (field.annotation, *get_args(field.annotation)) if _is_model(part)]
        if inner:
            many = {tuple: "[]", dict: ".NAME"}.get(get_origin(field.annotation), "")
            yield from settings(f"{section}.{name}{many}", inner[0])
        else:
            yield f"`{section}.{name}`", type_name(field.annotation), default(field)
    if (named := get_annotations(model, eval_str=True).get("__pydantic_extra__")) is not None:
        # Where a person chooses the keys, the model says what each of them holds.
        yield from settings(f"{section}.NAME", get_args(named)[1])


def _is_model(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def endpoints(service: Service) -> Iterator[Row]:
    for route in service.routes:
        yield route.method, f"`{route.path}`", f"`{route.permission}`", route.summary
    for raw in service.raw_routes:
        yield ", ".join(sorted(raw.methods)), f"`{raw.path}`", f"`{raw.permission}`", raw.summary


def pages(service: Service) -> Iterator[Row]:
    for one in service.pages:
        yield f"`{one.path}`", one.title, one.title_zh


def signals(service: Service) -> Iterator[Row]:
    for one in service.signals:
        yield f"`{one.name}`", one.kind.value, ", ".join(one.labels), one.help


def actions(service: Service) -> Iterator[Row]:
    for one in service.actions:
        yield f"`{service.name}.{one.name}`", one.risk.name.lower(), f"`{one.permission}`", one.help


def knobs(service: Service) -> Iterator[Row]:
    for one in service.knobs:
        yield f"`{one.name}`", f"{one.low:g} to {one.high:g}", f"{one.default:g}", f"`{one.guard}`", one.help


def invariants(service: Service) -> Iterator[Row]:
    for one in service.invariants:
        yield f"`{one.name}`", one.severity, one.help


def events(service: Service) -> Iterator[Row]:
    for one in service.events:
        yield f"`{one.name}`", str(one.version), one.help


def permissions(service: Service) -> Iterator[Row]:
    for name in sorted(service.permissions):
        yield f"`{name}`", service.permissions[name]


def service_settings(service: Service) -> Iterator[Row]:
    if service.settings is not None and _is_model(service.settings):
        yield from settings(service.section_name, service.settings)


PARTS: tuple[tuple[str, Row, Callable[[Service], Iterator[Row]]], ...] = (
    ("Permissions", ("permission", "what it allows"), permissions),
    ("Endpoints", ("method", "path", "permission", "what it does"), endpoints),
    ("Pages", ("path", "title", "title in Chinese"), pages),
    ("Signals", ("name", "kind", "labels", "what it measures"), signals),
    ("Actions", ("name", "risk", "permission", "what it does"), actions),
    ("Knobs", ("name", "range", "default", "guard", "what it turns"), knobs),
    ("Invariants", ("name", "severity", "what must hold"), invariants),
    ("Events", ("name", "version", "what happened"), events),
    ("Settings", ("key", "type", "default"), service_settings),
)


def service_page(service: Service) -> str:
    parts = [f"\n## {service.name}\n\n{service.help}\n"]
    for title, titles, rows_of in PARTS:
        if rows := list(rows_of(service)):
            parts.append(f"\n### {title} of {service.name}\n\n{table(titles, rows)}\n")
    return "".join(parts)


def page() -> str:
    """The whole reference, in a stable order."""
    commands = [(f"`steersman {name}`", command.help) for name, command in sorted(found_commands().items())]
    services: list[Service] = [
        point.load() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)
    ]
    return "".join(
        [
            _HEAD,
            f"\n## Commands\n\n{table(('command', 'what it does'), commands)}\n",
            f"\n## Settings of the house\n\n{table(('key', 'type', 'default'), settings('house', HouseSettings))}\n",
            *(service_page(service) for service in services),
        ]
    )


def main() -> int:
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
