import base64
import json

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from steersman.engine.decode.otlp_messages import from_json
from steersman.model.errors import InvalidInput

texts = st.text(st.characters(codec="utf-8"), max_size=5)
scalars = st.one_of(
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats(allow_nan=False)),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=5)),
    st.just(AnyValue()),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda all_: AnyValue(array_value={"values": all_})),
        st.dictionaries(texts, inner, max_size=3).map(
            lambda all_: AnyValue(kvlist_value={"values": [{"key": k, "value": v} for k, v in all_.items()]})
        ),
    ),
    max_leaves=8,
)


@given(values, st.booleans())
def test_json_is_read_as_the_protobuf_library_reads_it(value, keep_names):
    text = json_format.MessageToJson(value, preserving_proto_field_name=keep_names)
    assert from_json(AnyValue, text.encode()) == value


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8))
def test_ids_are_hexadecimal_in_either_case(trace_id, span_id):
    text = json.dumps({"traceId": trace_id.hex(), "spanId": span_id.hex().upper()})
    record = from_json(LogRecord, text.encode())
    assert (record.trace_id, record.span_id) == (trace_id, span_id)


def test_enums_are_numbers_or_names():
    for kind in ("2", '"SPAN_KIND_SERVER"'):
        assert from_json(Span, f'{{"kind": {kind}}}'.encode()).kind == Span.SPAN_KIND_SERVER


def test_integers_are_strings_or_numbers():
    for number in ('"12"', "12", "12.0"):
        assert from_json(NumberDataPoint, f'{{"asInt": {number}}}'.encode()).as_int == 12


def test_unknown_fields_and_nulls_are_passed_over():
    assert from_json(Span, b'{"name": "a", "later": {"x": 1}, "kind": null}') == Span(name="a")


def test_base64_of_both_alphabets_is_read():
    content = b"\xfb\xff\xfe"
    for text in (base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()):
        assert from_json(AnyValue, json.dumps({"bytesValue": text}).encode()).bytes_value == content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b"\xff{}",
        b'{"resourceMetrics": {}}',
        b'{"resourceMetrics": ["abc"]}',
        b'{"resourceMetrics": [null]}',
        b'{"resourceMetrics": [{"schemaUrl": 5}]}',
        b'{"resourceMetrics": [{"schemaUrl": "\\ud800"}]}',
    ],
)
def test_a_wrong_type_is_refused_and_not_taken_for_an_empty_message(body):
    with pytest.raises(InvalidInput):
        from_json(MetricsData, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"asInt": "twelve"}',
        b'{"asInt": true}',
        b'{"asInt": 1.5}',
        b'{"asInt": "99999999999999999999"}',
        b'{"asInt": 99999999999999999999}',
        b'{"asDouble": NaN}',
        b'{"asDouble": "much"}',
        b'{"asDouble": "1_0"}',
        b'{"timeUnixNano": -1}',
        b'{"exemplars": [{"traceId": "xyz"}]}',
        b'{"exemplars": [{"traceId": 5}]}',
        b'{"attributes": [{"key": "a", "value": {"bytesValue": "?"}}]}',
        b'{"attributes": [{"key": "a", "value": {"bytesValue": 1}}]}',
        b'{"attributes": [{"key": "a", "value": {"boolValue": "true"}}]}',
    ],
)
def test_a_value_that_its_field_cannot_hold_is_refused(body):
    with pytest.raises(InvalidInput):
        from_json(NumberDataPoint, body)


@pytest.mark.parametrize("depth", [200, 100_000])
def test_deep_nesting_is_refused(depth):
    body = b'{"arrayValue":{"values":[' * depth + b"]}}" * depth
    with pytest.raises(InvalidInput):
        from_json(AnyValue, body)
