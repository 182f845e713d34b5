"""Loki's push API, JSON and snappy protobuf, as log columns.

A stream's labels are encoded once; the loops over its lines hold only what differs from line to line. `service` is
the first of the labels service_name, service, app and job. `severity` comes from the line's structured metadata,
else from the stream's labels (`level`, `detected_level`, `severity`), else from the word that starts the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat

from google.protobuf.message import DecodeError

from steersman.engine.decode.bounds import NS_PER_SECOND, check_times_ns
from steersman.engine.decode.json_text import json_text
from steersman.engine.decode.loki_labels import parse_stream_labels
from steersman.engine.decode.otlp_messages import parse_json
from steersman.engine.decode.proto.loki_push_pb2 import Entry, PushRequest
from steersman.engine.decode.proto.loki_push_pb2 import Stream as StreamMessage
from steersman.engine.decode.severity import leading_severity, severity_number
from steersman.engine.decode.unpack import unpack_snappy
from steersman.model.errors import InvalidInput
from steersman.model.telemetry import Decoded, LogColumns

_SERVICE_LABELS = ("service_name", "service", "app", "job")
_LEVEL_LABELS = ("level", "detected_level", "severity")
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class _Stream:
    """What all lines of one stream share."""

    labels: dict[str, str]
    text: str
    service: str
    severity: int


def decode_proto(body: bytes, received_ns: int) -> Decoded:
    """Decode a snappy `logproto.PushRequest`. Raises `InvalidInput` or `TooLarge`."""
    request = PushRequest()
    try:
        request.ParseFromString(unpack_snappy(body))
    except DecodeError as error:
        raise InvalidInput("the body is not a Loki push request (logproto.PushRequest)") from error
    columns = LogColumns()
    for message in request.streams:
        _read_proto_stream(columns, message, received_ns)
    check_times_ns(columns.time_ns)
    return Decoded(logs=columns)


def decode_json(body: bytes, received_ns: int) -> Decoded:
    """Decode `{"streams": [{"stream": {...}, "values": [[ns, line], ...]}]}`. Raises `InvalidInput`."""
    request = parse_json(body)
    streams = request.get("streams") if isinstance(request, dict) else None
    if not isinstance(streams, list):
        raise InvalidInput('the body needs the form {"streams": [{"stream": {...}, "values": [...]}]}')
    columns = LogColumns()
    for stream in streams:
        _read_json_stream(columns, stream)
    check_times_ns(columns.time_ns)
    if b"\\u" in body:
        _check_surrogates(columns)
    return Decoded(logs=columns)


def _stream(labels: dict[str, str]) -> _Stream:
    if not labels:
        raise InvalidInput("a stream needs at least one label")
    return _Stream(labels, json_text(labels), _service(labels), _level(labels))


def _service(labels: Mapping[str, str]) -> str:
    return next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), "")


def _level(labels: Mapping[str, str]) -> int:
    return next((severity_number(labels[name]) for name in _LEVEL_LABELS if name in labels), 0)


# ------------------------------------------------------------------------------------------------------- protobuf


@lru_cache(maxsize=4096)
def _parsed_stream(text: str) -> _Stream:
    return _stream(parse_stream_labels(text))


def _read_proto_stream(columns: LogColumns, message: StreamMessage, received_ns: int) -> None:
    stream = _parsed_stream(message.labels)
    add_time, add_line = columns.time_ns.append, columns.body.append
    first = len(columns.body)
    rich: list[tuple[int, Entry]] = []
    for number, entry in enumerate(message.entries, first):
        stamp = entry.timestamp
        nanos = stamp.nanos
        if not 0 <= nanos < NS_PER_SECOND:
            raise InvalidInput(f"an entry's timestamp has {nanos} nanos; they lie between 0 and 999999999")
        # A line without a time came in now; Loki's clients always send one.
        add_time(stamp.seconds * NS_PER_SECOND + nanos or received_ns)
        add_line(entry.line)
        if entry.structured_metadata:
            rich.append((number, entry))
    _add_shared(columns, stream, first)
    for number, entry in rich:
        _add_metadata(columns, number, stream, {pair.name: pair.value for pair in entry.structured_metadata})


def _add_shared(columns: LogColumns, stream: _Stream, first: int) -> None:
    """Fill the columns that follow from the stream, for the lines from `first` on."""
    lines = columns.body[first:] if first else columns.body
    count = len(lines)
    columns.severity.extend(repeat(stream.severity, count) if stream.severity else map(leading_severity, lines))
    columns.service.extend(repeat(stream.service, count))
    columns.attributes.extend(repeat(stream.text, count))
    columns.trace_id.extend(repeat("", count))
    columns.span_id.extend(repeat("", count))


def _add_metadata(columns: LogColumns, number: int, stream: _Stream, metadata: dict[str, str]) -> None:
    columns.attributes[number] = json_text(stream.labels | metadata)
    columns.severity[number] = _level(metadata) or columns.severity[number]
    columns.service[number] = stream.service or _service(metadata)
    columns.trace_id[number] = _hex_id(metadata, "trace_id", 32)
    columns.span_id[number] = _hex_id(metadata, "span_id", 16)


def _hex_id(metadata: Mapping[str, str], name: str, length: int) -> str:
    value = metadata.get(name, "").lower()
    return value if len(value) == length and set(value) <= _HEX and value.strip("0") else ""


# ----------------------------------------------------------------------------------------------------------- JSON


def _read_json_stream(columns: LogColumns, message: object) -> None:
    labels = message.get("stream") if isinstance(message, dict) else None
    values = message.get("values") if isinstance(message, dict) else None
    if not isinstance(values, list):
        raise InvalidInput('each stream needs "stream", an object of labels, and "values", an array')
    stream = _stream(_string_map(labels, "stream"))
    if not values:
        return
    if set(map(type, values)) != {list} or not set(map(len, values)) <= {2, 3}:
        raise InvalidInput(
            'each value has to be ["<nanoseconds>", "<line>"], with structured metadata as a third entry'
        )
    first = len(columns.body)
    columns.time_ns.extend(_json_times([value[0] for value in values]))
    lines = [value[1] for value in values]
    if set(map(type, lines)) != {str}:
        raise InvalidInput("a line has to be a JSON string")
    columns.body.extend(lines)
    _add_shared(columns, stream, first)
    for number, value in enumerate(values, first):
        if len(value) == 3 and value[2]:
            _add_metadata(columns, number, stream, _string_map(value[2], "structured metadata"))


def _json_times(texts: list[str]) -> list[int]:
    if set(map(type, texts)) == {str}:
        joined = "".join(texts)
        # Longer than 19 digits is behind the year 2262, and Python takes its time with thousands of them.
        if joined.isdecimal() and joined.isascii() and min(map(len, texts)) > 0 and max(map(len, texts)) <= 19:
            return list(map(int, texts))
    raise InvalidInput("a time has to be a string of decimal digits: nanoseconds since 1970")


def _string_map(value: object, name: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise InvalidInput(f"{name} has to be a JSON object of strings")
    return value


def _check_surrogates(columns: LogColumns) -> None:
    """Refuse half of a surrogate pair, which JSON can escape and UTF-8 cannot hold."""
    try:
        for texts in (columns.body, columns.attributes):
            "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(r"a string holds half of a surrogate pair (\ud800 to \udfff)") from error
