"""OTLP attributes as JSON values.

Bytes become base64 and numbers that JSON does not know become strings, as protobuf's JSON mapping has it.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue

from steersman.engine.decode.json_text import json_text

SERVICE_NAME = "service.name"


def attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    """Return attributes as a dict of JSON values; of a repeated key the last one counts."""
    return {pair.key: json_value(pair.value) for pair in pairs}


def json_value(value: AnyValue) -> object:
    """Return any value as a JSON value; an absent one is None."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return value.int_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "double_value":
        return _finite(value.double_value)
    return _compound(value, kind)


def _compound(value: AnyValue, kind: str | None) -> object:
    if kind == "array_value":
        return [json_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return None


def _finite(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def text(value: object) -> str:
    """Return a JSON value as plain text: a string as it is, nothing for None, anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_text(value)


def scope_attributes(scope: InstrumentationScope) -> dict[str, object]:
    """Return a scope's attributes, its name and version under the names that OpenTelemetry gives them elsewhere."""
    found = attributes(scope.attributes)
    if scope.name:
        found["otel.scope.name"] = scope.name
    if scope.version:
        found["otel.scope.version"] = scope.version
    return found
