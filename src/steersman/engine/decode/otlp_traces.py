"""OTLP traces (`ExportTraceServiceRequest`, binary and JSON) as span columns."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, TracesData

from steersman.engine.decode.bounds import check_times_ns
from steersman.engine.decode.json_text import json_text
from steersman.engine.decode.otlp_messages import from_json, from_proto
from steersman.engine.decode.otlp_values import SERVICE_NAME, attributes, scope_attributes, text
from steersman.model.telemetry import Decoded, Refusal, SpanColumns

_TRACE_ID_SIZE = 16
_SPAN_ID_SIZE = 8


def decode_proto(body: bytes, received_ns: int) -> Decoded:
    """Decode the binary encoding. Raises `InvalidInput`."""
    return _decoded(from_proto(TracesData, body), received_ns)


def decode_json(body: bytes, received_ns: int) -> Decoded:
    """Decode the JSON encoding. Raises `InvalidInput`."""
    return _decoded(from_json(TracesData, body), received_ns)


def _decoded(request: TracesData, received_ns: int) -> Decoded:
    columns = SpanColumns()
    invalid = sum(_read_resource(columns, resource_spans, received_ns) for resource_spans in request.resource_spans)
    check_times_ns(columns.start_ns)
    # trace.proto requires the ids and calls such a span invalid. Its neighbours are fine, so this is partial
    # success and not a refusal of the request.
    reason = "a span needs a trace id of 16 bytes and a span id of 8 bytes, not all of them zero"
    return Decoded(spans=columns, refused=(Refusal(invalid, reason),) if invalid else ())


def _read_resource(columns: SpanColumns, resource_spans: ResourceSpans, received_ns: int) -> int:
    """Append the spans of one resource; return how many were invalid."""
    resource = attributes(resource_spans.resource.attributes)
    service = text(resource.get(SERVICE_NAME))
    resource_text = json_text(resource)
    invalid = 0
    for scope_spans in resource_spans.scope_spans:
        scope = scope_attributes(scope_spans.scope)
        for span in scope_spans.spans:
            if not _has_valid_ids(span):
                invalid += 1
                continue
            columns.service.append(service)
            columns.resource.append(resource_text)
            _read_span(columns, span, scope, received_ns)
    return invalid


def _has_valid_ids(span: Span) -> bool:
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    return (
        len(trace_id) == _TRACE_ID_SIZE
        and len(span_id) == _SPAN_ID_SIZE
        and len(parent_id) in (0, _SPAN_ID_SIZE)
        and any(trace_id)
        and any(span_id)
    )


def _read_span(columns: SpanColumns, span: Span, scope: dict[str, object], received_ns: int) -> None:
    end = span.end_time_unix_nano
    start = span.start_time_unix_nano or end or received_ns
    parent_id = span.parent_span_id
    columns.start_ns.append(start)
    # A clock that was set back during the span must not make a negative duration.
    columns.duration_ns.append(max(0, end - start))
    columns.trace_id.append(span.trace_id.hex())
    columns.span_id.append(span.span_id.hex())
    columns.parent_id.append(parent_id.hex() if any(parent_id) else "")
    columns.name.append(span.name)
    columns.kind.append(span.kind)
    columns.status.append(span.status.code)
    columns.status_message.append(span.status.message)
    columns.attributes.append(json_text(scope | _own_attributes(span)))
    columns.events.append(_events(span) if span.events else "[]")
    columns.links.append(_links(span) if span.links else "[]")


def _own_attributes(span: Span) -> dict[str, object]:
    own = attributes(span.attributes)
    if span.trace_state:
        own["w3c.tracestate"] = span.trace_state
    return own


def _events(span: Span) -> str:
    return json_text(
        [
            {"name": event.name, "time_ns": event.time_unix_nano, "attributes": attributes(event.attributes)}
            for event in span.events
        ]
    )


def _links(span: Span) -> str:
    return json_text(
        [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "trace_state": link.trace_state,
                "attributes": attributes(link.attributes),
            }
            for link in span.links
        ]
    )
