"""Bad input of every protocol: its own refusal, a reason that a person can act on, and not a trace in the store."""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cramjam
import pytest

from steersman.engine.decode.proto import loki_push_pb2 as loki
from steersman.engine.decode.proto import remote_write_v1_pb2 as v1
from steersman.engine.decode.proto import remote_write_v2_pb2 as v2

NOW_MS = time.time_ns() // 1_000_000
NOW_NS = str(NOW_MS * 1_000_000)
DAY_MS = 86_400_000
WRITE, PUSH = "/api/v1/write", "/loki/api/v1/push"
SIGNALS = ("/v1/metrics", "/v1/logs", "/v1/traces")

PROTOBUF = {"Content-Type": "application/x-protobuf"}
SNAPPY = {**PROTOBUF, "Content-Encoding": "snappy"}
V2 = {**SNAPPY, "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
JSON = {"Content-Type": "application/json"}
GZIP_JSON = {**JSON, "Content-Encoding": "gzip"}

Case = tuple[str, bytes, dict[str, str], int, str]


def snappy(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def claiming(size: int) -> bytes:
    """A snappy block whose header promises so many bytes."""
    return varint(size) + b"\0" * 20


def series(*labels: tuple[str, str], at: int = NOW_MS) -> bytes:
    pairs = [v1.Label(name=name, value=value) for name, value in labels]
    one = v1.TimeSeries(labels=pairs, samples=[v1.Sample(value=1.0, timestamp=at)])
    return v1.WriteRequest(timeseries=[one]).SerializeToString()


def unwanted(*labels: tuple[str, str], at: int = NOW_MS) -> bytes:
    return snappy(series(("__name__", "unwanted"), *labels, at=at))


def symbols(*texts: str, refs: tuple[int, ...]) -> bytes:
    one = v2.TimeSeries(labels_refs=refs, samples=[v2.Sample(value=1.0, timestamp=NOW_MS)])
    return snappy(v2.Request(symbols=texts, timeseries=[one]).SerializeToString())


WHOLE = unwanted()
REMOTE_WRITE: dict[str, Case] = {
    "empty": (WRITE, b"", SNAPPY, 400, "empty"),
    "cut off": (WRITE, WHOLE[:-4], SNAPPY, 400, "cut off or damaged"),
    "not snappy": (WRITE, b"hello world, this is text", SNAPPY, 400, "not a whole snappy block"),
    "claims 4 GB": (WRITE, claiming(4 << 30), SNAPPY, 400, "snappy"),
    "claims 200 MB": (WRITE, claiming(200 << 20), SNAPPY, 413, "134217728 is the limit"),
    "not protobuf": (WRITE, snappy(b"\xff" * 40), SNAPPY, 400, "not to the protobuf of a WriteRequest"),
    "protobuf cut off": (WRITE, snappy(series(("__name__", "unwanted"))[:-3]), SNAPPY, 400, "WriteRequest"),
    "another type": (WRITE, WHOLE, JSON, 415, "needs the content type application/x-protobuf"),
    "no type": (WRITE, WHOLE, {"Content-Encoding": "snappy"}, 415, "this is none"),
    "an endless type": (WRITE, WHOLE, {"Content-Type": "x" * 9_000}, 415, "this is xxx"),
    "another encoding": (WRITE, WHOLE, {**PROTOBUF, "Content-Encoding": "gzip"}, 415, "snappy, this is gzip"),
    "another message": (WRITE, WHOLE, {"Content-Type": f"{PROTOBUF['Content-Type']};proto=a.B"}, 415, "a.B is not"),
    "1.0 as 2.0": (WRITE, WHOLE, V2, 400, "is this a remote write 1.0 request?"),
    "no name": (WRITE, snappy(series(("a", "unwanted"))), SNAPPY, 400, "no metric name, the label __name__"),
    "a name twice": (WRITE, unwanted(("a", "1"), ("a", "2")), SNAPPY, 400, "repeats a label name"),
    "a name twice, endless": (WRITE, unwanted(("a", "1" * 99_000), ("a", "2")), SNAPPY, 400, "repeats a label name"),
    "an empty name": (WRITE, unwanted(("", "x")), SNAPPY, 400, "empty name"),
    "not UTF-8": (WRITE, snappy(series(("__name__", "unwanted!")).replace(b"!", b"\xff")), SNAPPY, 400, "UTF-8"),
    "endless labels": (WRITE, unwanted(("a", "x" * 70_000)), SNAPPY, 400, "more than 65536 bytes"),
    "5,000 labels": (WRITE, unwanted(*((f"l{n}", "x" * 9) for n in range(5_000))), SNAPPY, 400, "65536 bytes"),
    "tomorrow": (WRITE, unwanted(at=NOW_MS + DAY_MS), SNAPPY, 400, "10 minutes ahead: compare the sender's clock"),
    "last year": (WRITE, unwanted(at=NOW_MS - 400 * DAY_MS), SNAPPY, 400, "before retention, which keeps 30 days"),
    "the end of time": (WRITE, unwanted(at=2**63 - 1), SNAPPY, 400, "outside the years 1970 to 2262"),
    "before time": (WRITE, unwanted(at=-(2**63)), SNAPPY, 400, "outside the years 1970 to 2262"),
    "2.0, not protobuf": (WRITE, snappy(b"\xff\xff\xff"), V2, 400, "not a remote write 2.0 request"),
    "2.0, a wild reference": (WRITE, symbols("", "__name__", refs=(1, 7)), V2, 400, "behind the 2 symbols"),
    "2.0, half a pair": (WRITE, symbols("", "__name__", refs=(1,)), V2, 400, "odd length"),
    "2.0, no name": (WRITE, symbols("", "a", "unwanted", refs=(1, 2)), V2, 400, "no `__name__` label"),
}


def point(**fields: object) -> bytes:
    gauge = {"name": "unwanted", "gauge": {"dataPoints": [fields]}}
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge]}]}]}).encode()


def record(**fields: object) -> bytes:
    one = {"body": {"stringValue": "unwanted"}, **fields}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [one]}]}]}).encode()


def span(**fields: object) -> bytes:
    one = {"name": "unwanted", "traceId": "a" * 32, "spanId": "b" * 16, **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}).encode()


def nested(depth: int) -> bytes:
    """A log record whose body is a list in a list, deeper than the library would write it."""
    content = b"\x0a\x08unwanted"
    # AnyValue.array_value, ArrayValue.values; LogRecord.body, ScopeLogs.log_records, .scope_logs, .resource_logs
    for tag in (*(b"\x0a\x2a" * depth), *b"\x2a\x12\x12\x0a"):
        content = bytes([tag]) + varint(len(content)) + content
    return content


DEEP = b"[" * 100_000 + b"]" * 100_000
BOMB = gzip.compress(b"\0" * (130 << 20), 1)
OTLP: dict[str, Case] = {
    **{
        f"{path[4:]}, {name}": (path, *rest)
        for path in SIGNALS
        for name, *rest in (
            ("no JSON", b"", JSON, 400, "the body is empty"),
            ("half JSON", b'{"resource', JSON, 400, "not JSON: Unterminated string"),
            ("a list", b"[]", JSON, 400, "a JSON object is needed"),
            ("a bomb of brackets", DEEP, JSON, 400, "nested too deeply"),
            ("not UTF-8", b'{"a": "\xff"}', JSON, 400, "byte 7 is not valid UTF-8"),
            ("not protobuf", b"\xff\xff\xffhello", PROTOBUF, 400, "not OTLP protobuf"),
            ("JSON as protobuf", b'{"resourceLogs": []}', PROTOBUF, 400, "not OTLP protobuf"),
            ("text", b"x", {"Content-Type": "text/plain"}, 415, "this is text/plain"),
            ("no type", b"x", {}, 415, "this is none"),
            ("snappy", b"x", SNAPPY, 415, "send gzip or none"),
            ("gzip cut off", gzip.compress(b"{}" * 99)[:-5], GZIP_JSON, 400, "gzip body is cut off"),
            ("not gzip", b"hello, hello", GZIP_JSON, 400, "not valid gzip"),
        )
    },
    "a gzip bomb": ("/v1/logs", BOMB, GZIP_JSON, 413, "unpacks to more than 134217728 bytes"),
    "an object for a list": ("/v1/metrics", b'{"resourceMetrics": {}}', JSON, 400, "resourceMetrics has to be a JSON"),
    "a number for an object": ("/v1/logs", b'{"resourceLogs": [1]}', JSON, 400, "object is needed where ResourceLogs"),
    "a time in words": (
        "/v1/metrics",
        point(timeUnixNano="noon"),
        JSON,
        400,
        "timeUnixNano of NumberDataPoint: 'noon'",
    ),
    "a value in words": (
        "/v1/metrics",
        point(asDouble="much"),
        JSON,
        400,
        "asDouble of NumberDataPoint: 'much' is not",
    ),
    "a huge integer": ("/v1/metrics", point(asInt=str(2**70)), JSON, 400, "asInt of NumberDataPoint"),
    "a negative time": ("/v1/metrics", point(timeUnixNano="-5"), JSON, 400, "out of range"),
    "a sample after 2262": ("/v1/metrics", point(timeUnixNano=str(2**64 - 1), asInt="1"), JSON, 400, "1970 to 2262"),
    "a line after 2262": ("/v1/logs", record(timeUnixNano=str(2**64 - 1)), JSON, 400, "1970 to 2262"),
    "a span after 2262": ("/v1/traces", span(startTimeUnixNano=str(2**64 - 1)), JSON, 400, "1970 to 2262"),
    "a wrong id": ("/v1/traces", span(traceId="xyz"), JSON, 400, "traceId of Span: 'xyz' is not a hexadecimal id"),
    "a wrong id of a line": ("/v1/logs", record(traceId="xyz"), JSON, 400, "traceId of LogRecord"),
    "deep protobuf": ("/v1/logs", nested(200), PROTOBUF, 400, "not OTLP protobuf"),
}


def push(stream: object, *values: object) -> bytes:
    return json.dumps({"streams": [{"stream": stream, "values": values}]}).encode()


def stream(labels: str) -> bytes:
    one = loki.Stream(labels=labels, entries=[loki.Entry(line="unwanted", timestamp=loki.Timestamp(seconds=1))])
    return snappy(loki.PushRequest(streams=[one]).SerializeToString())


JOB = {"job": "unwanted"}
LOKI: dict[str, Case] = {
    "empty": (PUSH, b"", JSON, 400, "the body is empty"),
    "empty protobuf": (PUSH, b"", PROTOBUF, 400, "the body is empty"),
    "text": (PUSH, b"x", {"Content-Type": "text/plain"}, 415, "application/json or application/x-protobuf"),
    "half JSON": (PUSH, b"{", JSON, 400, "not JSON"),
    "brackets": (PUSH, DEEP, JSON, 400, "nested too deeply"),
    "no streams": (PUSH, b"{}", JSON, 400, 'the form {"streams"'),
    "streams of a wrong type": (PUSH, b'{"streams": 1}', JSON, 400, 'the form {"streams"'),
    "no values": (PUSH, b'{"streams": [{"stream": {"a": "b"}}]}', JSON, 400, '"values", an array'),
    "no labels": (PUSH, push({}, [NOW_NS, "unwanted"]), JSON, 400, "at least one label"),
    "a number as label": (PUSH, push({"job": 1}, [NOW_NS, "unwanted"]), JSON, 400, "JSON object of strings"),
    "a time in words": (PUSH, push(JOB, ["noon", "unwanted"]), JSON, 400, "decimal digits: nanoseconds"),
    "a time as number": (PUSH, push(JOB, [1, "unwanted"]), JSON, 400, "decimal digits: nanoseconds"),
    "a time after 2262": (PUSH, push(JOB, ["9" * 19, "unwanted"]), JSON, 400, "1970 to 2262"),
    "a number as line": (PUSH, push(JOB, [NOW_NS, 5]), JSON, 400, "a line has to be a JSON string"),
    "no line": (PUSH, push(JOB, [NOW_NS]), JSON, 400, 'each value has to be ["<nanoseconds>", "<line>"]'),
    "strange metadata": (PUSH, push(JOB, [NOW_NS, "unwanted", 5]), JSON, 400, "structured metadata"),
    "the second is wrong": (PUSH, push(JOB, [NOW_NS, "unwanted"], [NOW_NS, 5]), JSON, 400, "a line has to be"),
    "a bomb": (PUSH, BOMB, GZIP_JSON, 413, "unpacks to more than"),
    "another encoding": (PUSH, b"x", {**JSON, "Content-Encoding": "br"}, 415, "br is not read: send gzip"),
    "not snappy": (PUSH, b"hello, this is text", PROTOBUF, 400, "not a whole snappy block"),
    "claims 200 MB": (PUSH, claiming(200 << 20), PROTOBUF, 413, "134217728 is the limit"),
    "not protobuf": (PUSH, snappy(b"\xff" * 9), PROTOBUF, 400, "not a Loki push request"),
    "labels in words": (PUSH, stream("unwanted"), PROTOBUF, 400, 'the form {name="value", ...}'),
    "labels cut off": (PUSH, stream('{job="unwanted"'), PROTOBUF, 400, 'the form {name="value", ...}'),
    "a label twice": (PUSH, stream('{a="unwanted",a="c"}'), PROTOBUF, 400, "'a' stands twice"),
}
CASES = {
    f"{protocol}: {name}": case
    for protocol, cases in (("remote write", REMOTE_WRITE), ("otlp", OTLP), ("loki", LOKI))
    for name, case in cases.items()
}


def left_behind(platform: Any) -> list[Any]:
    """Whatever carries the mark of the bad requests."""
    named = platform.get("/api/v1/series", **{"match[]": '{__name__="unwanted"}'}).json()["data"]
    labelled = platform.get("/api/v1/series", **{"match[]": '{a="unwanted"}'}).json()["data"]
    # The platform's own log lines tell of the requests; they are of another service.
    lines = [
        row for row in platform.get("/api/logs/search", query="unwanted").json()["rows"] if row["body"] == "unwanted"
    ]
    spans = platform.get("/api/traces/search", query="unwanted").json()["rows"]
    return [*named, *labelled, *lines, *spans]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.requirement("ASVS-2.2.1", "ASVS-5.2.2", "ASVS-5.2.3")
def test_what_is_wrong_is_refused_with_the_reason_and_leaves_nothing(platform: Any, case: Case) -> None:
    path, body, headers, status, reason = case
    series = platform.metric("steersman_store_series")
    answer = platform.ask("POST", path, body, headers)
    assert answer.status == status, answer.text
    assert reason in answer.text.replace('\\"', '"')
    assert len(answer.text) < 600
    if path in SIGNALS and headers.get("Content-Type") in {PROTOBUF["Content-Type"], JSON["Content-Type"]}:
        # OTLP wants a google.rpc.Status in the encoding of the request; 3 is INVALID_ARGUMENT.
        assert answer.headers["content-type"] == headers["Content-Type"]
        assert (answer.json()["code"] if headers["Content-Type"] == JSON["Content-Type"] else answer.body[1]) == 3
    assert left_behind(platform) == []
    assert platform.metric("steersman_store_series") == series


@pytest.mark.parametrize("path", [WRITE, PUSH, *SIGNALS])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.requirement("ASVS-4.1.4")
def test_another_method_is_told_which_one_is_taken(platform: Any, path: str, method: str) -> None:
    answer = platform.ask(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_no_numbers_are_values(platform: Any, value: str) -> None:
    """They are legal in every protocol, and come back as they were."""
    name = f"odd_value_{value.removeprefix('-')}_{len(value)}"
    body = point(timeUnixNano=NOW_NS, asDouble=value).replace(b"unwanted", name.encode())
    assert platform.ask("POST", "/v1/metrics", body, JSON).json() == {}
    found = platform.get("/api/v1/query", query=f"{name}[1h]").json()["data"]["result"][0]["values"][0][1]
    assert found == {"NaN": "NaN", "Infinity": "+Inf", "-Infinity": "-Inf"}[value]


def test_what_can_be_kept_of_a_request_is_kept_and_the_rest_counted(platform: Any) -> None:
    """A sample with another value for a time that is taken; the specification asks for both."""
    answer = platform.samples(("kept", [(NOW_MS, 1.0), (NOW_MS, 2.0), (NOW_MS + 1, 3.0)]))
    assert (answer.status, answer.headers["x-prometheus-remote-write-samples-written"]) == (400, "2")
    assert answer.text == "1 not stored: duplicate sample for a timestamp with another value\n"
    assert platform.values("bad_days[1h]")["kept"] == [(NOW_MS, 1.0), (NOW_MS + 1, 3.0)]


# ---------------------------------------------------------------------------------------------- below the protocols


class Wire:
    """A connection on which a test writes bytes of its own."""

    def __init__(self, platform: Any) -> None:
        self.socket = socket.create_connection(("127.0.0.1", platform.port), timeout=30)

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def statuses(self, count: int) -> list[int]:
        """Read until there are so many answers, or the other side hangs up."""
        text = b""
        while len(found := re.findall(rb"HTTP/1\.1 (\d{3}) ", text)) < count:
            part = self.socket.recv(1 << 16)
            if not part:
                break
            text += part
        return [int(status) for status in found]


@pytest.fixture
def wire(platform: Any) -> Iterator[Callable[[], Wire]]:
    opened: list[Wire] = []

    def connect() -> Wire:
        opened.append(Wire(platform))
        return opened[-1]

    yield connect
    for one in opened:
        one.socket.close()


def head(platform: Any, *more: str, version: str = "1.1") -> bytes:
    lines = [
        f"POST {WRITE} HTTP/{version}",
        "Host: localhost",
        f"Authorization: Bearer {platform.TOKEN}",
        *(f"{name}: {value}" for name, value in SNAPPY.items()),
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def sample(platform: Any, name: str) -> bytes:
    return platform.written((name, [(NOW_MS, 1.0)]))


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (["Content-Length: 99999999999"], 413),
        ([f"Content-Length: {'9' * 40}"], 400),
        (["Content-Length: -5"], 400),
        (["Content-Length: 3", "Content-Length: 5"], 400),
        (["Content-Length: 3", "Transfer-Encoding: chunked"], 400),
        (["Transfer-Encoding: chunked", "", "not a number"], 400),
        (["X-Zero: a\0b"], 400),
        ([f"X-Long: {'a' * 200_000}"], 431),
        ([f"X-{n}: a" for n in range(30_000)], 431),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.requirement("ASVS-4.2.1")
def test_a_head_that_lies_or_has_no_end_is_refused(
    platform: Any, wire: Callable[[], Wire], more: list[str], status: int
) -> None:
    one = wire()
    one.send(head(platform, *more), b"abc")
    assert one.statuses(1) == [status]


@pytest.mark.requirement("ASVS-5.2.1")
def test_a_body_above_the_cap_is_refused_before_it_is_read(platform: Any, wire: Callable[[], Wire]) -> None:
    """In chunks, so that no length announces it; the default cap is 32 MiB."""
    one = wire()
    one.send(head(platform, "Transfer-Encoding: chunked"))
    chunk = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
    for _ in range(33):
        one.send(chunk)
    assert one.statuses(1) == [413]


def test_chunks_and_the_old_version_are_read_like_any_other(platform: Any, wire: Callable[[], Wire]) -> None:
    body = sample(platform, "chunked")
    chunked, old = wire(), wire()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    chunked.send(head(platform, "Transfer-Encoding: chunked"), chunks, b"0\r\n\r\n")
    assert chunked.statuses(1) == [204]
    body = sample(platform, "old")
    old.send(head(platform, f"Content-Length: {len(body)}", version="1.0"), body)
    assert old.statuses(2) == [204]
    assert {"chunked", "old"} <= platform.values("bad_days[1h]").keys()


def test_requests_that_do_not_wait_for_answers_get_all_of_them_in_order(
    platform: Any, wire: Callable[[], Wire]
) -> None:
    one = wire()
    bodies = [sample(platform, "pipelined"), b"broken", sample(platform, "pipelined-too")]
    one.send(*(head(platform, f"Content-Length: {len(body)}") + body for body in bodies))
    assert one.statuses(3) == [204, 400, 204]
    assert {"pipelined", "pipelined-too"} <= platform.values("bad_days[1h]").keys()


def test_a_sender_that_hangs_up_half_way_leaves_nothing(platform: Any, wire: Callable[[], Wire]) -> None:
    """Neither closing nor half closing makes half a body a request."""
    body = unwanted()
    for end in (socket.SHUT_WR, socket.SHUT_RDWR):
        one = wire()
        one.send(head(platform, f"Content-Length: {len(body) + 1}"), body)
        one.socket.shutdown(end)
        assert one.statuses(1) == []
    assert left_behind(platform) == []


@contextmanager
def slow_senders(platform: Any, count: int) -> Iterator[list[Wire]]:
    """Half of them never finish their head, half never their body."""
    wires = [Wire(platform) for _ in range(count)]
    for place, one in enumerate(wires):
        whole = head(platform, "Content-Length: 1000")
        one.send(whole[:-5] if place % 2 else whole + b"a")
    try:
        yield wires
    finally:
        for one in wires:
            one.socket.close()


@pytest.mark.slow
@pytest.mark.requirement("ASVS-15.2.2")
def test_slow_and_heavy_senders_do_not_slow_the_others(platform: Any) -> None:
    """200 connections that stall, and bombs beside them: a sample is taken in less than a quarter of a second, as a rule."""
    with slow_senders(platform, 200):
        took = []
        for n in range(20):
            bomb = Wire(platform)
            length = f"Content-Length: {len(BOMB)}"
            start = head(platform, length).replace(WRITE.encode(), PUSH.encode())
            start = start.replace(b"application/x-protobuf", b"application/json").replace(b"snappy", b"gzip")
            bomb.send(start, BOMB)
            began = time.monotonic()
            assert platform.samples(("quick", [(NOW_MS + n, 1.0)])).status == 204
            took.append(time.monotonic() - began)
            assert bomb.statuses(1) == [413]
            bomb.socket.close()
        assert sorted(took)[len(took) // 2] < 0.25


@pytest.mark.slow
def test_stalled_connections_are_closed_in_the_end(platform: Any) -> None:
    with slow_senders(platform, 20) as wires:
        heads, bodies = wires[1::2], wires[::2]
        for one in wires:
            one.socket.settimeout(60)
        assert [one.statuses(2) for one in heads] == [[]] * len(heads)
        assert [one.statuses(2) for one in bodies] == [[400]] * len(bodies)
    assert left_behind(platform) == []
