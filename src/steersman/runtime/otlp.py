"""The platform's own logs and spans as OTLP/JSON request bodies, so that they enter the store like anyone else's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from steersman.runtime.logs import OwnLog

_SERVICE = "steersman"
_RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": _SERVICE}}]}


def logs_request(records: Iterable[OwnLog]) -> bytes:
    """Return an ExportLogsServiceRequest in OTLP/JSON."""
    lines = [
        {
            "timeUnixNano": str(record.time_ns),
            "severityNumber": record.severity,
            "body": {"stringValue": record.message},
            "attributes": _attributes({"logger": record.logger, **record.attributes}),
        }
        for record in records
    ]
    return _body({"resourceLogs": [{"resource": _RESOURCE, "scopeLogs": [{"logRecords": lines}]}]})


def spans_request(spans: Iterable[ReadableSpan]) -> bytes:
    """Return an ExportTraceServiceRequest in OTLP/JSON."""
    return _body({"resourceSpans": [{"resource": _RESOURCE, "scopeSpans": [{"spans": [_span(one) for one in spans]}]}]})


def _span(span: ReadableSpan) -> dict[str, Any]:
    from opentelemetry.trace import INVALID_SPAN_CONTEXT

    context = span.get_span_context() or INVALID_SPAN_CONTEXT
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else "",
        "name": span.name,
        # OTLP counts kinds from 1, because 0 means "not given"; the SDK's enum starts at 0.
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        "attributes": _attributes(span.attributes or {}),
        "status": {"code": span.status.status_code.value, "message": span.status.description or ""},
    }


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value, default=str)}


def _body(request: dict[str, Any]) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode()
