"""Reads the lines of a file of requests and values, and judges one; a line that is wrong says what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from steersman.engine.threats import Field, Request, Verdict, inspect, inspect_value
from steersman.model.errors import InvalidInput

FIELDS = ", ".join(Field)
_RAW = ("request", "request_base64", "value")
_TARGETS = ("path", "target", "url", "uri")
_BODIES = ("body", "body_base64", "data", "json")
#: What else a line may say; other keys are for whoever wrote the file, such as an id or a label.
_KNOWN = frozenset({*_RAW, *_TARGETS, *_BODIES, "field", "free_text", "headers", "method", "query"})
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^/?#]{0,300}", re.IGNORECASE)
#: What people call these fields.
_ALSO_CALLED = {
    "param": Field.QUERY, "parameter": Field.QUERY, "url": Field.PATH, "uri": Field.PATH, "filename": Field.FILE_NAME,
    "file": Field.FILE_NAME, "prompt": Field.FREE_TEXT, "document": Field.FREE_TEXT, "text": Field.FREE_TEXT,
    "free-text": Field.FREE_TEXT, "headers": Field.HEADER, "cookies": Field.COOKIE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file to check: a request, or a value with the kind of field that it sits in.

    `free_text` names the parameters of a request that hold prose by their schema.
    """

    request: Request | bytes | None = None
    value: str = ""
    field: Field = Field.QUERY
    free_text: tuple[str, ...] = ()


def line_of(text: str) -> Line:
    """Read one line; raises `InvalidInput` that says what is wrong with it."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"this is no JSON: {error}") from error
    if isinstance(told, str):
        return Line(request=_wire(told))
    if not isinstance(told, dict):
        raise InvalidInput("this is JSON, but neither a string nor an object")
    return _of_object(told)


def judge(line: Line) -> Verdict:
    """Return the verdict on a line, from the same code that guards live traffic."""
    if line.request is not None:
        return inspect(line.request, line.free_text)
    return inspect_value(line.value, line.field)


def _of_object(told: dict[str, Any]) -> Line:
    _refuse_misspelt(told)
    raw = [key for key in _RAW if key in told]
    targets = [key for key in _TARGETS if key in told]
    if len(raw) + len(targets[:1]) != 1:
        found = ", ".join((*raw, *targets)) or "none of them"
        raise InvalidInput(f"exactly one of {', '.join(_RAW)} or path is needed, and there is {found}")
    if not raw:
        return Line(request=_pieces(told, targets), free_text=_free_text(told))
    if not isinstance(told[raw[0]], str):
        raise InvalidInput(f"{raw[0]} has to be a string")
    if raw[0] == "value":
        return Line(value=told["value"], field=_field(told.get("field", Field.QUERY)))
    wire = _wire(told["request"]) if raw[0] == "request" else _bytes(told, "request_base64")
    return Line(request=wire, free_text=_free_text(told))


def _refuse_misspelt(told: dict[str, Any]) -> None:
    """A key that is nearly one of ours would otherwise be passed over, and the line judged as something else."""
    for key in told.keys() - _KNOWN:
        if near := get_close_matches(key, _KNOWN - told.keys(), n=1, cutoff=0.85):
            raise InvalidInput(f"{key} is no key of a line: did you mean {near[0]}?")


def _field(name: object) -> Field:
    called = str(name).lower()
    if called in _ALSO_CALLED:
        return _ALSO_CALLED[called]
    try:
        return Field(called)
    except ValueError as error:
        raise InvalidInput(f"field has to be one of {FIELDS}, and is {name!r}") from error


def _wire(text: str) -> bytes:
    """A lone surrogate is how JSON writes half a character: it goes on as it is."""
    return text.encode("utf-8", "surrogatepass")


def _bytes(told: dict[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode(told[key], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidInput(f"{key} is no base64: {error}") from error


def _pieces(told: dict[str, Any], targets: list[str]) -> Request:
    """A request in pieces: method, path, query, headers and body."""
    method, target = told.get("method", "GET"), told[targets[0]]
    if len(targets) > 1 or not isinstance(target, str) or not isinstance(method, str):
        raise InvalidInput(f"method and one of {', '.join(_TARGETS)} have to be strings")
    target = _ORIGIN.sub("", target, count=1) if _ORIGIN.match(target) else target
    if (query := told.get("query")) is not None:
        if not isinstance(query, str):
            raise InvalidInput("query has to be a string, as it stands behind the question mark")
        target = f"{target}?{query.removeprefix('?')}"
    headers, (body, kind) = _headers(told.get("headers", {})), _body(told)
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("content-type", kind), *headers)
    return Request(method, target or "/", headers, body)


def _headers(told: object) -> tuple[tuple[str, str], ...]:
    """Read `{"name": "value"}`, `{"name": ["value", "value"]}` or `[["name", "value"]]`."""
    pairs = list(told.items()) if isinstance(told, dict) else told
    if not isinstance(pairs, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise InvalidInput("headers has to be an object, or a list of pairs of name and value")
    found = []
    for name, value in pairs:
        found += [(str(name), str(one)) for one in (value if isinstance(value, list) else [value])]
    return tuple(found)


def _body(told: dict[str, Any]) -> tuple[bytes, str]:
    """The bytes of a body, and their type where the line says it by its form."""
    given = [key for key in _BODIES if told.get(key) is not None]
    if len(given) > 1:
        raise InvalidInput(f"there is one body, and this line has {' and '.join(given)}")
    if not given:
        return b"", ""
    if given[0] == "body_base64":
        return _bytes(told, "body_base64"), ""
    body = told[given[0]]
    if isinstance(body, str) and given[0] != "json":
        return _wire(body), ""
    return json.dumps(body).encode(), "application/json"


def _free_text(told: dict[str, Any]) -> tuple[str, ...]:
    names = told.get("free_text", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidInput("free_text has to be a list of names of parameters")
    return tuple(names)
