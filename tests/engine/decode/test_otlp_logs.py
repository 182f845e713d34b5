import json
import random

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.json.common._log_encoder import encode_logs as encode_json
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs as encode_proto
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from steersman.engine.decode.otlp_logs import decode_json, decode_proto
from steersman.model.errors import InvalidInput

NOW = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def records():
    """Records as the official SDK hands them to its exporters."""
    memory = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=Resource({"service.name": "shop", "host.name": "h1"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(memory))
    logger = provider.get_logger("lib", "1.2")
    logger.emit(LogRecord(timestamp=NOW, severity_number=SeverityNumber.ERROR, body="payment refused"))
    logger.emit(LogRecord(timestamp=NOW + 1, body={"b": [1, 2.5, True], "a": b"\x00"}, attributes={"user": "ü"}))
    logger.emit(LogRecord(observed_timestamp=NOW + 2, body="seen", severity_text="WARN", event_name="cart.full"))
    return memory.get_finished_logs()


def test_records_of_the_official_sdk_come_back_as_they_were_sent(records):
    columns = decode_proto(encode_proto(records).SerializeToString(), 0).logs
    assert columns.time_ns == [NOW, NOW + 1, NOW + 2]
    assert columns.severity == [17, 0, 13]
    assert columns.service == ["shop"] * 3
    assert columns.body == ["payment refused", '{"a":"AA==","b":[1,2.5,true]}', "seen"]
    for text in columns.attributes:
        assert json.loads(text)["host.name"] == "h1"
        assert json.loads(text)["otel.scope.version"] == "1.2"
    assert json.loads(columns.attributes[1])["user"] == "ü"
    assert json.loads(columns.attributes[2])["event.name"] == "cart.full"


def test_the_json_encoding_means_the_same_as_the_binary_one(records):
    as_json = decode_json(encode_json(records).to_json().encode(), 0)
    assert as_json == decode_proto(encode_proto(records).SerializeToString(), 0)


def one_record(**fields):
    request = LogsData()
    request.resource_logs.add().scope_logs.add().log_records.add(**fields)
    return decode_proto(request.SerializeToString(), 99).logs


def test_ids_are_lower_case_hex_and_invalid_ones_mean_no_trace():
    columns = one_record(trace_id=b"\xab" * 16, span_id=b"\xcd" * 8)
    assert (columns.trace_id, columns.span_id) == (["ab" * 16], ["cd" * 8])
    for trace_id, span_id in ((b"", b""), (bytes(16), bytes(8)), (b"abc", b"abc")):
        columns = one_record(trace_id=trace_id, span_id=span_id)
        assert (columns.trace_id, columns.span_id) == ([""], [""])


def test_a_record_without_times_happened_when_it_came_in():
    assert one_record().time_ns == [99]
    assert one_record(observed_time_unix_nano=5).time_ns == [5]


def test_the_severity_is_read_from_its_text_when_the_number_is_missing():
    assert one_record(severity_text="Error").severity == [17]
    assert one_record(severity_number=200, severity_text="Error").severity == [17]
    assert one_record(severity_text="loud").severity == [0]


def test_numbers_that_json_does_not_know_become_words():
    columns = one_record(attributes=[{"key": "x", "value": {"double_value": float("nan")}}])
    assert json.loads(columns.attributes[0]) == {"x": "NaN"}


def test_attributes_of_the_record_win_over_those_of_its_resource():
    request = LogsData()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="zone", value={"string_value": "outer"})
    resource.scope_logs.add().log_records.add(attributes=[{"key": "zone", "value": {"string_value": "inner"}}])
    assert decode_proto(request.SerializeToString(), 0).logs.attributes == ['{"zone":"inner"}']


def test_a_time_behind_2262_is_refused():
    with pytest.raises(InvalidInput, match="2262"):
        one_record(time_unix_nano=2**64 - 1)


def test_a_mutated_body_gives_the_librarys_lines_or_is_refused(records):
    chance = random.Random(6)
    plain = encode_proto(records).SerializeToString()
    accepted = 0
    for _ in range(3000):
        body = bytearray(plain)
        for _ in range(chance.randint(1, 3)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            columns = decode_proto(bytes(body), 1).logs
        except InvalidInput:
            continue
        accepted += 1
        library = [
            record.time_unix_nano or record.observed_time_unix_nano or 1
            for resource in LogsData.FromString(bytes(body)).resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]
        assert columns.time_ns == library
        assert all(isinstance(json.loads(text), dict) for text in columns.attributes)
    assert accepted > 100
