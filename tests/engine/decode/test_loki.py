import json
import random

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.decode.loki import decode_json, decode_proto
from steersman.engine.decode.loki_labels import parse_stream_labels
from steersman.engine.decode.proto.loki_push_pb2 import PushRequest
from steersman.model.errors import InvalidInput
from steersman.model.telemetry import Decoded, LogColumns

NOW = 1_700_000_000_000_000_000


def pushed(labels, *entries):
    request = PushRequest()
    stream = request.streams.add(labels=labels)
    for time_ns, line, metadata in entries:
        entry = stream.entries.add(line=line)
        entry.timestamp.seconds, entry.timestamp.nanos = divmod(time_ns, 1_000_000_000)
        for name, value in metadata.items():
            entry.structured_metadata.add(name=name, value=value)
    return pack(request.SerializeToString())


def pack(plain):
    return bytes(cramjam.snappy.compress_raw(plain))


def as_json(labels, *entries):
    values = [[str(t), line, metadata] if metadata else [str(t), line] for t, line, metadata in entries]
    return json.dumps({"streams": [{"stream": labels, "values": values}]}).encode()


texts = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
entries = st.lists(st.tuples(st.integers(1, 2**62), texts, st.dictionaries(names, texts, max_size=2)), max_size=5)


def quoted(labels):
    """Labels as Go writes them; JSON's escapes are a part of Go's."""
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items()) + "}"


@given(
    st.dictionaries(names, st.text(st.characters(max_codepoint=0xFFFF, codec="utf-8"), min_size=1), min_size=1), entries
)
def test_both_encodings_give_the_lines_that_were_pushed(labels, pushes):
    binary = decode_proto(pushed(quoted(labels), *pushes), 0)
    assert binary == decode_json(as_json(labels, *pushes), 0)
    logs = binary.logs
    assert logs.time_ns == [time_ns for time_ns, _, _ in pushes]
    assert logs.body == [line for _, line, _ in pushes]
    assert [json.loads(text) for text in logs.attributes] == [labels | metadata for _, _, metadata in pushes]
    assert {len(getattr(logs, name)) for name in LogColumns.__slots__} == {len(pushes)}


def one(line="hello", metadata=None, **labels):
    logs = decode_json(as_json(labels or {"a": "b"}, (NOW, line, metadata or {})), 0).logs
    return logs.service[0], logs.severity[0], logs.trace_id[0], logs.span_id[0]


def test_the_service_is_the_first_label_that_names_one():
    assert one(job="j", app="a")[0] == "a"
    assert one(job="j", service_name="s", service="t")[0] == "s"
    assert one(a="b", metadata={"service_name": "m"})[0] == "m"
    assert one(a="b")[0] == ""


@pytest.mark.parametrize(
    ("line", "metadata", "labels", "severity"),
    [
        ("ERROR: no", {"level": "warn"}, {"level": "info"}, 13),
        ("ERROR: no", {}, {"detected_level": "info"}, 9),
        ("ERROR: no", {}, {"a": "b"}, 17),
        ("[warn] no", {}, {"a": "b"}, 13),
        ('level="debug" msg=x', {}, {"a": "b"}, 5),
        ("level=info ts=1", {}, {"a": "b"}, 9),
        ("<crit> no", {}, {"level": "odd"}, 18),
        ("Informally, ERROR", {}, {"a": "b"}, 0),
        ("", {}, {"a": "b"}, 0),
    ],
)
def test_the_severity_comes_from_metadata_then_labels_then_the_leading_word(line, metadata, labels, severity):
    assert one(line, metadata, **labels)[1] == severity


def test_ids_in_structured_metadata_fill_their_columns():
    assert one(metadata={"trace_id": "AB" * 16, "span_id": "cd" * 8})[2:] == ("ab" * 16, "cd" * 8)
    assert one(metadata={"trace_id": "xyz", "span_id": "0" * 16})[2:] == ("", "")


def test_an_entry_without_a_time_came_in_now():
    request = PushRequest()
    request.streams.add(labels='{a="b"}').entries.add(line="x")
    assert decode_proto(pack(request.SerializeToString()), 77).logs.time_ns == [77]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('{a="b"}', {"a": "b"}),
        (' { a = "b" , c="d", } ', {"a": "b", "c": "d"}),
        (r'{a="C:\\x\n\t\"q\""}', {"a": 'C:\\x\n\t"q"'}),
        (r'{a="\x41\101\u00e6\U0001F600\xc3\xa6"}', {"a": "AAæ😀æ"}),
        ("{a=`raw\\n`}", {"a": "raw\\n"}),
        ('{a="b", c=""}', {"a": "b"}),
    ],
)
def test_stream_labels_are_read_as_go_reads_them(text, labels):
    assert parse_stream_labels(text) == labels


BAD_ESCAPES = [r'{a="\q"}', r'{a="\xff"}', r'{a="\ud800"}', r'{a="\U00110000"}', r'{a="\777"}']


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "{",
        '{a="b"',
        '{a="b" c="d"}',
        "{a=b}",
        '{a="b}',
        '{a="1",a="2"}',
        '{1a="b"}',
        '{a="x\ny"}',
        "{}",
        *BAD_ESCAPES,
    ],
)
def test_stream_labels_that_go_would_not_write_are_refused(text):
    with pytest.raises(InvalidInput):
        decode_proto(pushed(text, (NOW, "x", {})), 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"streams": {}}',
        b'{"streams": [1]}',
        b'{"streams": [{"stream": {"a": "b"}}]}',
        b'{"streams": [{"stream": {}, "values": []}]}',
        b'{"streams": [{"stream": {"a": 1}, "values": []}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": ["x"]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["1"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["1", 2]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [[1, "x"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["", "x"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["-1", "x"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["1_0", "x"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["9999999999999999999", "x"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["99999999999999999999999", "x"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["1", "x", {"k": 1}]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["1", "x", "m"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["1", "\\ud83d"]]}]}',
        b'{"streams": [{"stream": {"a": "\\uDE00"}, "values": [["1", "x"]]}]}',
        b'{"streams": [{"stream": {"a": "b"}, "values": [["1", "\xff"]]}]}',
    ],
)
def test_json_of_another_form_is_refused(body):
    with pytest.raises(InvalidInput):
        decode_json(body, 0)


def test_nanos_outside_a_second_and_times_outside_the_centuries_are_refused():
    for seconds, nanos in ((1, -1), (1, 1_000_000_000), (-1, 0), (2**62, 0)):
        request = PushRequest()
        entry = request.streams.add(labels='{a="b"}').entries.add(line="x")
        entry.timestamp.seconds, entry.timestamp.nanos = seconds, nanos
        with pytest.raises(InvalidInput):
            decode_proto(pack(request.SerializeToString()), 0)


def test_a_push_without_streams_is_nothing_to_keep():
    assert decode_json(b'{"streams": []}', 0) == Decoded(logs=LogColumns()) == decode_proto(pack(b""), 0)


def mutated(plain, chance, alphabet=range(256)):
    body = bytearray(plain)
    for _ in range(chance.randint(1, 3)):
        body[chance.randrange(len(body))] = chance.choice(alphabet)
    return bytes(body)


def test_a_mutated_binary_push_gives_the_librarys_lines_or_is_refused():
    chance = random.Random(8)
    plain = cramjam.snappy.decompress_raw(pushed('{a="b"}', (NOW, "one", {"k": "v"}), (NOW + 1, "two", {})))
    accepted = 0
    for _ in range(3000):
        body = mutated(plain, chance)
        try:
            logs = decode_proto(pack(body), 1).logs
        except InvalidInput:
            continue
        accepted += 1
        library = [entry.line for stream in PushRequest.FromString(body).streams for entry in stream.entries]
        assert logs.body == library
    assert accepted > 100


def test_a_mutated_json_push_is_read_or_refused_and_nothing_else():
    chance = random.Random(9)
    plain = as_json({"a": "b"}, (NOW, "one \ud83d\ude00", {"k": "v"}), (NOW + 1, "two", {}))
    accepted = 0
    for _ in range(3000):
        try:
            logs = decode_json(mutated(plain, chance, range(32, 130)), 1).logs
        except InvalidInput:
            continue
        accepted += 1
        assert "".join(logs.body + logs.attributes).encode()
    assert accepted > 100
