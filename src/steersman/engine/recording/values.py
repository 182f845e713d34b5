"""Frozen values as plain data and back, in one spelling: what is equal is written as equal bytes.

Sets are sorted and mappings keep sorted keys, because their own order depends on the hash seed of a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from steersman.model.errors import InvalidInput


def plain(value: Any) -> Any:
    """Return a value as dictionaries, lists, text and numbers; fields that stand at their default are left in."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, AbstractSet):
        return sorted(plain(one) for one in value)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def written(value: Any) -> bytes:
    """Return the one JSON spelling of a value."""
    return orjson.dumps(plain(value))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: Any, data: Any) -> Any:
    """Build a value from plain data; raises `InvalidInput` naming the place that does not fit."""
    try:
        return _adapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{place}: {first['msg']}") from error
