"""Reads the lines of a file of requests and values, and judges one; a line that is wrong says what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from steersman.engine.threats import Field, Verdict, inspect, inspect_value
from steersman.model.errors import InvalidInput
from steersman.services.security.model import Line

_KEYS = ("request", "request_base64", "value")
FIELDS = ", ".join(Field)


def line_of(text: str) -> Line:
    """Read one line; raises `InvalidInput` that says what is wrong with it."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"this is no JSON: {error}") from error
    if not isinstance(told, dict):
        raise InvalidInput("this is JSON, but no object")
    given = [key for key in _KEYS if key in told]
    if len(given) != 1:
        raise InvalidInput(f"exactly one of {', '.join(_KEYS)} is needed, and {len(given)} are there")
    if not isinstance(told[given[0]], str):
        raise InvalidInput(f"{given[0]} has to be a string")
    return _value(told) if given[0] == "value" else Line(request=_request(told), free_text=_free_text(told))


def judge(line: Line) -> Verdict:
    """Return the verdict on a line, from the same code that guards live traffic."""
    if line.request is not None:
        return inspect(line.request, line.free_text)
    return inspect_value(line.value, line.field)


def _value(told: dict[str, Any]) -> Line:
    try:
        return Line(value=told["value"], field=Field(str(told.get("field"))))
    except ValueError as error:
        raise InvalidInput(f"field has to be one of {FIELDS}, and is {told.get('field')!r}") from error


def _request(told: dict[str, Any]) -> bytes:
    if "request" in told:
        text: str = told["request"]
        # A lone surrogate is how JSON writes half a character: it goes on as it is.
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(told["request_base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"request_base64 is no base64: {error}") from error


def _free_text(told: dict[str, Any]) -> tuple[str, ...]:
    names = told.get("free_text", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidInput("free_text has to be a list of names of parameters")
    return tuple(names)
