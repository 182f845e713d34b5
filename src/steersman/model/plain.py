"""Frozen values as plain data and back, following their annotations: a new field needs no code here.

It refuses what does not fit the annotations with a TypeError, KeyError or ValueError: what another version wrote is not
guessed at.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any


def plain(value: Any) -> Any:
    """Return a value as dictionaries, lists, text and numbers; equal values have one spelling.

    Sets are sorted, because their own order depends on the hash seed of a process. A mapping keeps its order; with keys
    that are not text it becomes pairs.
    """
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {str(key): plain(item) for key, item in value.items()}
        return [[plain(key), plain(item)] for key, item in value.items()]
    return value


def read(kind: Any, data: Any) -> Any:
    """Return the value of an annotated type that `plain` was given."""
    return _reader(kind)(data)


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return the function that reads a value of an annotated type."""
    while isinstance(kind, typing.NewType):
        kind = kind.__supertype__
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        inner = _reader(next(arg for arg in args if arg is not types.NoneType))
        return lambda plain: None if plain is None else inner(plain)
    if origin is tuple:
        return _tuple_reader(args)
    if origin is frozenset:
        item = _reader(args[0])
        return lambda plain: frozenset(item(value) for value in plain)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_reader(args)
    return lambda plain: plain


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(kind)
    known = {field.name for field in fields(kind)}

    def read(plain: Any) -> Any:
        if unknown := sorted(set(plain) - known):
            raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}: the snapshot is of another version")
        return kind(**{name: _reader(hints[name])(value) for name, value in plain.items()})

    return read


def _tuple_reader(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(args) == 2 and args[1] is Ellipsis:
        item = _reader(args[0])
        return lambda plain: tuple(item(value) for value in plain)
    readers = tuple(_reader(arg) for arg in args)
    return lambda plain: tuple(read(value) for read, value in zip(readers, plain, strict=True))


def _mapping_reader(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    key, item = _reader(args[0]), _reader(args[1])

    def read(plain: Any) -> dict[Any, Any]:
        pairs = plain.items() if isinstance(plain, Mapping) else plain
        return {key(name): item(value) for name, value in pairs}

    return read
