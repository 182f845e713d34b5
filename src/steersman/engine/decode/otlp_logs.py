"""OTLP logs (`ExportLogsServiceRequest`, binary and JSON) as log columns."""

from __future__ import annotations

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ScopeLogs

from steersman.engine.decode.bounds import check_times_ns
from steersman.engine.decode.json_text import json_text
from steersman.engine.decode.otlp_messages import from_json, from_proto
from steersman.engine.decode.otlp_values import SERVICE_NAME, attributes, json_value, scope_attributes, text
from steersman.engine.decode.severity import severity_number
from steersman.model.telemetry import Decoded, LogColumns

#: OpenTelemetry's severity numbers end with FATAL4.
_MAX_SEVERITY = 24


def decode_proto(body: bytes, received_ns: int) -> Decoded:
    """Decode the binary encoding. Raises `InvalidInput`."""
    return _decoded(from_proto(LogsData, body), received_ns)


def decode_json(body: bytes, received_ns: int) -> Decoded:
    """Decode the JSON encoding. Raises `InvalidInput`."""
    return _decoded(from_json(LogsData, body), received_ns)


def _decoded(request: LogsData, received_ns: int) -> Decoded:
    columns = LogColumns()
    for resource_logs in request.resource_logs:
        resource = attributes(resource_logs.resource.attributes)
        service = text(resource.get(SERVICE_NAME))
        for scope_logs in resource_logs.scope_logs:
            _read_scope(columns, scope_logs, resource, service, received_ns)
    check_times_ns(columns.time_ns)
    return Decoded(logs=columns)


def _read_scope(
    columns: LogColumns, scope_logs: ScopeLogs, resource: dict[str, object], service: str, received_ns: int
) -> None:
    shared = resource | scope_attributes(scope_logs.scope)
    shared_text = json_text(shared)
    for record in scope_logs.log_records:
        own = _own_attributes(record)
        columns.time_ns.append(record.time_unix_nano or record.observed_time_unix_nano or received_ns)
        columns.severity.append(_severity(record))
        columns.service.append(service)
        columns.body.append(text(json_value(record.body)))
        columns.attributes.append(json_text(shared | own) if own else shared_text)
        columns.trace_id.append(_valid_id(record.trace_id, 16))
        columns.span_id.append(_valid_id(record.span_id, 8))


def _own_attributes(record: LogRecord) -> dict[str, object]:
    own = attributes(record.attributes)
    if record.severity_text:
        own["severity_text"] = record.severity_text
    if record.event_name:
        own["event.name"] = record.event_name
    return own


def _severity(record: LogRecord) -> int:
    number = record.severity_number
    return number if 0 < number <= _MAX_SEVERITY else severity_number(record.severity_text)


def _valid_id(value: bytes, size: int) -> str:
    """Return an id as hex, "" for an invalid one: logs.proto asks a receiver to take it for "no trace"."""
    return value.hex() if len(value) == size and any(value) else ""
