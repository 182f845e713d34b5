"""Intake over HTTP through the real front: each protocol's own codes, and nothing stored of what was refused."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import cramjam
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from steersman.engine.decode.proto import remote_write_v1_pb2 as proto
from steersman.engine.decode.proto import remote_write_v2_pb2 as proto2

Serving = Callable[..., Any]
PROTOBUF, JSON = "application/x-protobuf", "application/json"
V2 = f"{PROTOBUF};proto=io.prometheus.write.v2.Request"
RESPONSES = {
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
    "traces": trace_service_pb2.ExportTraceServiceResponse,
}


def write_request(now_ms: int, *before: int) -> bytes:
    samples = [proto.Sample(timestamp=now_ms - one, value=1.0) for one in before]
    series = proto.TimeSeries(labels=[proto.Label(name="__name__", value="up")], samples=samples)
    return bytes(cramjam.snappy.compress_raw(proto.WriteRequest(timeseries=[series]).SerializeToString()))


def write_request_2(now_ms: int, *before: int) -> bytes:
    request = proto2.Request(symbols=["", "__name__", "up"])
    series = request.timeseries.add(labels_refs=[1, 2])
    for one in before:
        series.samples.add(timestamp=now_ms - one, value=1.0)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def gauge(now_ms: int, *before: int) -> dict[str, Any]:
    points = [{"timeUnixNano": str((now_ms - one) * 10**6), "asDouble": 1.0} for one in before]
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "g", "gauge": {"dataPoints": points}}]}]}]}


def encoded(content: dict[str, Any], kind: str) -> bytes:
    from google.protobuf.json_format import ParseDict

    if kind == JSON:
        return json.dumps(content).encode()
    return ParseDict(content, metrics_service_pb2.ExportMetricsServiceRequest()).SerializeToString()


def run_with(serving: Serving, check: Callable[[Any, int], Any], **options: Any) -> None:
    async def run() -> None:
        async with serving(**options) as site:
            await check(site, site.clock.wall_ns() // 10**6)

    asyncio.run(run())


@pytest.mark.parametrize(("kind", "make"), [(PROTOBUF, write_request), (V2, write_request_2)])
def test_remote_write_counts_what_it_wrote_in_its_headers(
    kind: str, make: Callable[..., bytes], serving: Serving
) -> None:
    async def check(site: Any, now: int) -> None:
        answer = await site.post("/api/v1/write", make(now, 20, 10), kind, content_encoding="snappy")
        assert answer.status_code == 204
        assert answer.headers["x-prometheus-remote-write-samples-written"] == "2"
        assert answer.headers["x-prometheus-remote-write-histograms-written"] == "0"
        assert answer.headers["x-prometheus-remote-write-exemplars-written"] == "0"
        part = await site.post("/api/v1/write", make(now, 0, 90 * 86_400_000), kind, content_encoding="snappy")
        assert part.status_code == 400
        assert part.headers["x-prometheus-remote-write-samples-written"] == "1"
        assert "1 not stored" in part.text

    run_with(serving, check)


@pytest.mark.parametrize(
    ("kind", "headers", "status"),
    [
        ("text/plain", {}, 415),
        ("", {}, 415),
        (JSON, {}, 415),
        (f"{PROTOBUF};proto=io.prometheus.write.v3.Request", {}, 415),
        (PROTOBUF, {"content_encoding": "gzip"}, 415),
        (PROTOBUF, {"content_encoding": "snappy"}, 400),
        (f"{PROTOBUF}; Proto=prometheus.WriteRequest", {}, 400),
        (V2, {"content_encoding": "snappy"}, 400),
    ],
)
def test_remote_write_that_cannot_be_read_gets_its_code(
    kind: str, headers: dict[str, str], status: int, serving: Serving
) -> None:
    async def check(site: Any, now: int) -> None:
        answer = await site.post("/api/v1/write", b"not snappy at all", kind, **headers)
        assert answer.status_code == status
        assert site.store.applied_seq == 0

    run_with(serving, check)


@pytest.mark.parametrize("url", ["/api/v1/write", "/v1/metrics", "/loki/api/v1/push"])
@pytest.mark.requirement("ASVS-5.2.1", "ASVS-5.2.3")
def test_a_body_or_what_it_unpacks_to_may_not_be_too_large(url: str, serving: Serving) -> None:
    bomb = gzip.compress(bytes(130 << 20), 1)
    huge = b"\xff\xff\xff\xff\x07" + bytes(100)

    async def check(site: Any, now: int) -> None:
        kind = PROTOBUF if url == "/api/v1/write" else JSON
        assert (await site.post(url, bytes(2 << 20), kind)).status_code == 413
        if url == "/api/v1/write":
            assert (await site.post(url, huge, kind)).status_code == 413
        else:
            assert (await site.post(url, bomb, kind, content_encoding="gzip")).status_code == 413
        assert site.store.applied_seq == 0

    run_with(serving, check, body_bytes=1 << 20)


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_otlp_answers_in_the_encoding_of_the_request_and_says_what_it_left_out(kind: str, serving: Serving) -> None:
    def read(answer: Any) -> Any:
        from google.protobuf.json_format import Parse

        message = metrics_service_pb2.ExportMetricsServiceResponse()
        assert answer.headers["content-type"].startswith(kind)
        return Parse(answer.content, message) if kind == JSON else message.FromString(answer.content)

    async def check(site: Any, now: int) -> None:
        whole = await site.post("/v1/metrics", encoded(gauge(now, 20, 10), kind), kind)
        assert (whole.status_code, read(whole).HasField("partial_success")) == (200, False)
        part = await site.post("/v1/metrics", encoded(gauge(now, 0, 90 * 86_400_000), kind), kind)
        assert part.status_code == 200
        assert read(part).partial_success.rejected_data_points == 1
        assert "before retention" in read(part).partial_success.error_message

    run_with(serving, check)


@pytest.mark.parametrize("signal", RESPONSES)
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_an_empty_export_succeeds_and_a_broken_one_gets_a_status_message(
    signal: str, kind: str, serving: Serving
) -> None:
    async def check(site: Any, now: int) -> None:
        empty = await site.post(f"/v1/{signal}", b"{}" if kind == JSON else b"", kind)
        assert empty.status_code == 200
        if kind == PROTOBUF:
            assert RESPONSES[signal].FromString(empty.content) == RESPONSES[signal]()
        else:
            assert empty.json() == {}
        broken = await site.post(f"/v1/{signal}", b"\xff{", kind)
        assert broken.status_code == 400
        assert broken.headers["content-type"].startswith(kind)
        if kind == JSON:
            assert broken.json()["code"] == 3
            assert broken.json()["message"]
        else:
            assert broken.content.startswith(b"\x08\x03\x12")
        assert (await site.post(f"/v1/{signal}", b"{}", "text/plain")).status_code == 415
        assert (await site.post(f"/v1/{signal}", b"{}", kind, content_encoding="br")).status_code == 415

    run_with(serving, check)


def test_gzip_is_undone_in_one_member_or_several_and_a_cut_or_empty_one_is_refused(serving: Serving) -> None:
    async def check(site: Any, now: int) -> None:
        text = encoded(gauge(now, 10), JSON)
        packed = gzip.compress(text)
        for body in (packed, gzip.compress(text[:20]) + gzip.compress(text[20:])):
            assert (await site.post("/v1/metrics", body, JSON, content_encoding="gzip")).status_code == 200
        for body in (packed[:-1], packed[:5], packed[:-4] + b"\0\0\0\0", packed + b"x", text, b""):
            assert (await site.post("/v1/metrics", body, JSON, content_encoding="gzip")).status_code == 400

    run_with(serving, check)


def test_loki_answers_204_and_refuses_what_it_cannot_read(serving: Serving) -> None:
    async def check(site: Any, now: int) -> None:
        body = json.dumps({"streams": [{"stream": {"a": "b"}, "values": [[str(now * 10**6), "hello"]]}]}).encode()
        url = "/loki/api/v1/push"
        assert (await site.post(url, body, JSON)).status_code == 204
        assert (await site.post(url, gzip.compress(body), JSON, content_encoding="gzip")).status_code == 204
        for content, kind, status in ((b"{", JSON, 400), (b"\xff", PROTOBUF, 400), (body, "text/plain", 415)):
            assert (await site.post(url, content, kind)).status_code == status
        found = await site.get("/api/logs/search", query="hello")
        assert len(found.json()["rows"]) == 2
        assert (await site.get("/api/logs/search", "other", query="hello")).json()["rows"] == []

    run_with(serving, check)


def test_a_sender_without_a_key_is_told_so(serving: Serving) -> None:
    async def check(site: Any, now: int) -> None:
        assert (await site.post("/api/v1/write", write_request(now, 1), PROTOBUF, key="wrong")).status_code == 401

    run_with(serving, check)
