import json
import random

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans as encode_json
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_proto
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode

from steersman.engine.decode.otlp_traces import decode_json, decode_proto
from steersman.model.errors import InvalidInput

TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))


@pytest.fixture(scope="module")
def spans():
    """Three spans as the official SDK finishes them."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop", "host.name": "h1"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("lib", "1.2", attributes={"scope.kind": "test"})
    with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as parent:
        parent.set_attribute("http.route", "/køb")
        parent.set_attribute("sizes", [1, 2, 3])
        parent.add_event("cache miss", {"key": "a"})
        with tracer.start_as_current_span("child", links=[Link(parent.get_span_context(), {"why": "test"})]) as child:
            child.set_attribute("ratio", 0.5)
            child.set_status(StatusCode.ERROR, "it broke")
    tracer.start_span("root", start_time=5_000_000_000, attributes={"flag": True}).end(7_000_000_000)
    return memory.get_finished_spans()


def test_spans_of_the_official_sdk_come_back_as_they_were_sent(spans):
    columns = decode_proto(encode_proto(spans).SerializeToString(), 0).spans
    for row, span in enumerate(spans):
        assert columns.name[row] == span.name
        assert columns.start_ns[row] == span.start_time
        assert columns.duration_ns[row] == span.end_time - span.start_time
        assert columns.trace_id[row] == f"{span.context.trace_id:032x}"
        assert columns.span_id[row] == f"{span.context.span_id:016x}"
        assert columns.parent_id[row] == (f"{span.parent.span_id:016x}" if span.parent else "")
        assert columns.status[row] == span.status.status_code.value
        assert columns.status_message[row] == (span.status.description or "")
        expected = json.loads(json.dumps(dict(span.attributes)))
        scope = {"otel.scope.name": "lib", "otel.scope.version": "1.2", "scope.kind": "test"}
        assert json.loads(columns.attributes[row]) == expected | scope
        assert json.loads(columns.resource[row])["host.name"] == "h1"
        assert columns.service[row] == "shop"


def test_events_links_and_kinds_are_kept(spans):
    columns = decode_proto(encode_proto(spans).SerializeToString(), 0).spans
    row = {name: number for number, name in enumerate(columns.name)}
    assert columns.kind[row["parent"]] == 2
    (event,) = json.loads(columns.events[row["parent"]])
    assert (event["name"], event["attributes"]) == ("cache miss", {"key": "a"})
    (link,) = json.loads(columns.links[row["child"]])
    assert link["span_id"] == columns.span_id[row["parent"]]
    assert columns.links[row["root"]] == "[]"


def test_the_json_encoding_means_the_same_as_the_binary_one(spans):
    as_json = decode_json(encode_json(spans).to_json().encode(), 0)
    assert as_json == decode_proto(encode_proto(spans).SerializeToString(), 0)


def one_span(**fields):
    request = TracesData()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=TRACE, span_id=SPAN, name="ok")
    span.start_time_unix_nano, span.end_time_unix_nano = 10, 20
    request.resource_spans[0].scope_spans[0].spans.add(**({"trace_id": TRACE, "span_id": SPAN} | fields))
    return request.SerializeToString()


@pytest.mark.parametrize(
    "fields", [{"trace_id": b""}, {"trace_id": bytes(16)}, {"span_id": b"abc"}, {"parent_span_id": b"abc"}]
)
def test_a_span_with_invalid_ids_is_counted_as_refused_and_its_neighbour_kept(fields):
    decoded = decode_proto(one_span(**fields), 0)
    assert decoded.spans.name == ["ok"]
    assert [refusal.count for refusal in decoded.refused] == [1]


def test_a_span_that_ends_before_it_starts_lasts_nothing():
    columns = decode_proto(one_span(start_time_unix_nano=30, end_time_unix_nano=20), 0).spans
    assert columns.duration_ns == [10, 0]


def test_a_span_without_times_happened_when_it_came_in():
    assert decode_proto(one_span(), 77).spans.start_ns == [10, 77]


def test_a_time_behind_2262_is_refused():
    with pytest.raises(InvalidInput, match="2262"):
        decode_proto(one_span(start_time_unix_nano=2**63), 0)


def mutated(plain, chance):
    body = bytearray(plain)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body))
        kind = chance.random()
        if kind < 0.7:
            body[at] = chance.randrange(256)
        elif kind < 0.95:
            body.insert(at, chance.randrange(256))
        else:
            del body[at + 1 :]
    return bytes(body)


def test_a_mutated_binary_body_gives_the_librarys_spans_or_is_refused(spans):
    chance = random.Random(4)
    plain = encode_proto(spans).SerializeToString()
    accepted = 0
    for _ in range(2000):
        body = mutated(plain, chance)
        try:
            columns = decode_proto(body, 0).spans
        except InvalidInput:
            continue
        accepted += 1
        library = [
            span.name
            for resource in TracesData.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if len(span.trace_id) == 16 and len(span.span_id) == 8 and len(span.parent_span_id) in (0, 8)
        ]
        assert columns.name == library
        assert all(json.loads(text) is not None for text in columns.attributes + columns.events + columns.links)
    assert accepted > 100


def test_a_mutated_json_body_is_read_or_refused_and_nothing_else(spans):
    chance = random.Random(5)
    plain = encode_json(spans).to_json().encode()
    outcomes = set()
    for _ in range(2000):
        try:
            decode_json(mutated(plain, chance), 0)
            outcomes.add("read")
        except InvalidInput:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_truncated_body_is_refused_where_the_library_refuses_it(spans):
    plain = encode_proto(spans).SerializeToString()
    for size in range(1, len(plain), 7):
        with pytest.raises(DecodeError):
            TracesData.FromString(plain[:size])
        with pytest.raises(InvalidInput):
            decode_proto(plain[:size], 0)
