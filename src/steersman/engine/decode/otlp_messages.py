"""OTLP bodies to protobuf messages, from the binary and from the JSON encoding.

OTLP's JSON is protobuf's JSON mapping with two differences that the library's own parser does not know: trace and
span ids are hexadecimal, and enums may be numbers. It also takes some wrong types for empty messages, so the mapping
is done here, along the descriptors: unknown fields are passed over, as the protocol demands, and wrong types refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from steersman.model.errors import InvalidInput

M = TypeVar("M", bound=Message)


class _WrongValue(InvalidInput):
    """A value that its field does not take; the message around it adds the field's name."""


_Json = object
_Convert = Callable[[_Json, int], object]

_HEX_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_NUMBER = re.compile(r"NaN|-?Infinity|-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

#: As deep as the protobuf library follows the binary encoding.
_MAX_DEPTH = 100


def from_proto(kind: type[M], body: bytes) -> M:
    """Parse the binary encoding; raises `InvalidInput`."""
    message = kind()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise InvalidInput(f"the body is not OTLP protobuf ({kind.DESCRIPTOR.name})") from error
    return message


def from_json(kind: type[M], body: bytes) -> M:
    """Parse the JSON encoding; raises `InvalidInput`."""
    value = parse_json(body)
    try:
        return kind(**_message(cast("Descriptor", kind.DESCRIPTOR), value, 0))
    except (ValueError, TypeError) as error:  # a number out of its field's range, a lone surrogate
        raise InvalidInput(f"the body is not OTLP JSON: {error}") from error


def parse_json(body: bytes) -> object:
    """Parse strict JSON: UTF-8, no NaN literals; raises `InvalidInput`."""
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not JSON: byte {error.start} is not valid UTF-8") from error
    except ValueError as error:
        raise InvalidInput(f"the body is not JSON: {error}" if body else "the body is empty, JSON is needed") from error
    except RecursionError as error:
        raise InvalidInput("the JSON is nested too deeply to be read") from error


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value; write it as a string")


def _message(descriptor: Descriptor, value: _Json, depth: int) -> dict[str, object]:
    """Turn a JSON object into the arguments of the message's constructor."""
    if not isinstance(value, dict):
        raise InvalidInput(f"a JSON object is needed where {descriptor.name} stands")
    if depth > _MAX_DEPTH:
        raise InvalidInput(f"the JSON is nested more than {_MAX_DEPTH} messages deep")
    fields = _fields(descriptor)
    arguments, name = {}, ""
    try:
        for name, content in value.items():
            if content is not None and name in fields:
                target, convert = fields[name]
                arguments[target] = convert(content, depth + 1)
    except _WrongValue as error:
        raise InvalidInput(f"{name} of {descriptor.name}: {error.message}") from error
    return arguments


@cache
def _fields(descriptor: Descriptor) -> Mapping[str, tuple[str, _Convert]]:
    """Map each field's JSON name, and its original name, to the constructor's argument and a converter."""
    found = {}
    for field in descriptor.fields:
        entry = (field.name, _repeated(field) if field.is_repeated else _single(field))
        found[field.json_name] = found[field.name] = entry
    return found


def _repeated(field: FieldDescriptor) -> _Convert:
    convert = _single(field)

    def convert_all(value: _Json, depth: int) -> object:
        if not isinstance(value, list):
            raise InvalidInput(f"{field.json_name} has to be a JSON array")
        return [convert(one, depth) for one in value]

    return convert_all


def _single(field: FieldDescriptor) -> _Convert:
    message_type, enum_type = field.message_type, field.enum_type
    if message_type is not None:
        return lambda value, depth: _message(message_type, value, depth)
    if enum_type is not None:
        return lambda value, _: _enum(enum_type, value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _hex if field.name in _HEX_FIELDS else _base64
    if field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return _float
    if field.type == FieldDescriptor.TYPE_STRING:
        return lambda value, _: _typed(value, str, field.json_name)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda value, _: _typed(value, bool, field.json_name)
    return _integer


def _typed(value: _Json, kind: type, name: str) -> object:
    if not isinstance(value, kind):
        raise InvalidInput(f"{name} has the wrong JSON type: {value!r:.40}")
    return value


def _enum(descriptor: EnumDescriptor, value: _Json) -> int:
    if isinstance(value, str):
        named = descriptor.values_by_name.get(value)
        if named is None:
            raise _WrongValue(f"{value!r:.40} is not a {descriptor.name}")
        return named.number
    return _integer(value, 0)


def _integer(value: _Json, _: int) -> int:
    """Read an integer; 64-bit ones come as decimal strings, and 1.0 is one too."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii() and len(value) <= 20:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _WrongValue(f"{value!r:.40} is not an integer")
    return value


def _float(value: _Json, _: int) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _WrongValue(f"{value!r:.40} is not a number")
    try:
        return float(value)
    except OverflowError as error:
        raise _WrongValue("a number is too large for a double") from error


def _hex(value: _Json, _: int) -> bytes:
    if not isinstance(value, str):
        raise _WrongValue(f"an id has to be a hexadecimal string, not {value!r:.40}")
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise _WrongValue(f"{value!r:.40} is not a hexadecimal id") from error


def _base64(value: _Json, _: int) -> bytes:
    if not isinstance(value, str):
        raise _WrongValue(f"bytes have to be a base64 string, not {value!r:.40}")
    try:
        # Both alphabets are legal, and padding may be left out.
        return base64.b64decode(value.translate(_URL_SAFE) + "=" * (-len(value) % 4), validate=True)
    except (ValueError, binascii.Error) as error:
        raise _WrongValue(f"{value!r:.40} is not base64") from error


_URL_SAFE = str.maketrans("-_", "+/")
