"""Intake over HTTP, in the protocols that senders speak already. Each answers in its protocol's own words.

A refusal says what the sender should change; a success is only told once the data is durable.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from starlette.responses import Response

from steersman.contract.service import RawRoute
from steersman.model.errors import InvalidInput, SteersmanError, Temporary, TooLarge, UnsupportedMedia
from steersman.model.telemetry import WireFormat

if TYPE_CHECKING:
    from starlette.requests import Request

    from steersman.contract.ports import Context
    from steersman.runtime.telemetry.request import WriteReport

#: What a gzip body may unpack to.
_MAX_UNPACKED = 128 << 20
#: A gzip body below this unpacks to 4 MB at most, because gzip packs no better than 1,032 to 1.
_INLINE_BYTES = 4_096
#: One at a time, so that bombs side by side do not add up in memory.
_UNPACKING = ThreadPoolExecutor(1, "steersman-unpack")
_V1, _V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
#: google.rpc.Code of an answer: INVALID_ARGUMENT and UNAVAILABLE.
_RPC_INVALID, _RPC_UNAVAILABLE = 3, 14

#: How the senders of each format are called in the table of sources.
_SOURCES = {
    WireFormat.REMOTE_WRITE_1: "remote write",
    WireFormat.REMOTE_WRITE_2: "remote write",
    WireFormat.OTLP_METRICS_PROTO: "otlp metrics",
    WireFormat.OTLP_METRICS_JSON: "otlp metrics",
    WireFormat.OTLP_LOGS_PROTO: "otlp logs",
    WireFormat.OTLP_LOGS_JSON: "otlp logs",
    WireFormat.OTLP_TRACES_PROTO: "otlp traces",
    WireFormat.OTLP_TRACES_JSON: "otlp traces",
    WireFormat.LOKI_PROTO: "loki",
    WireFormat.LOKI_JSON: "loki",
}

_OTLP = {
    "metrics": (WireFormat.OTLP_METRICS_PROTO, WireFormat.OTLP_METRICS_JSON, "rejectedDataPoints"),
    "logs": (WireFormat.OTLP_LOGS_PROTO, WireFormat.OTLP_LOGS_JSON, "rejectedLogRecords"),
    "traces": (WireFormat.OTLP_TRACES_PROTO, WireFormat.OTLP_TRACES_JSON, "rejectedSpans"),
}


def _media_type(request: Request) -> tuple[str, dict[str, str]]:
    """Return the content type in lower case and its parameters."""
    kind, *rest = request.headers.get("content-type", "").split(";")
    pairs = (part.partition("=") for part in rest)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _named(kind: str) -> str:
    """The content type that came, short enough for an answer."""
    return kind[:80] or "none"


def _reasons(report: WriteReport) -> str:
    return "; ".join(f"{one.count} not stored: {one.reason}" for one in report.refused)


async def _write(ctx: Context, request: Request, kind: WireFormat, body: bytes) -> WriteReport:
    """Store a body and note the sender, by its address, as a source."""
    now_ns = ctx.ports.clock.wall_ns()
    report: WriteReport = await ctx.state.intake.write(kind, ctx.caller.tenant, body, now_ns)
    peer = request.client.host if request.client else "unknown"
    ctx.state.intake.sources.pushed(_SOURCES[kind], peer, now_ns, report.samples + report.logs + report.spans)
    return report


def _remote_write_format(request: Request) -> WireFormat:
    kind, parameters = _media_type(request)
    if kind != _PROTOBUF:
        raise UnsupportedMedia(f"remote write needs the content type {_PROTOBUF}, this is {_named(kind)}")
    message = parameters.get("proto", _V1)
    if message not in {_V1, _V2}:
        raise UnsupportedMedia(f"the protobuf message {message:.80} is not known: send {_V1} or {_V2}")
    encoding = request.headers.get("content-encoding", "snappy").lower()
    if encoding != "snappy":
        raise UnsupportedMedia(f"remote write needs the content encoding snappy, this is {encoding:.80}")
    return WireFormat.REMOTE_WRITE_1 if message == _V1 else WireFormat.REMOTE_WRITE_2


async def remote_write(ctx: Context, request: Request) -> Response:
    """Take a Prometheus remote write request, 1.0 or 2.0.

    As the specification has it, what can be stored is stored when something else of the request cannot; the answer
    is then 400 with the reasons, and the headers count what was written.
    """
    kind = _remote_write_format(request)
    report = await _write(ctx, request, kind, await request.body())
    headers = {
        "X-Prometheus-Remote-Write-Samples-Written": str(report.samples),
        "X-Prometheus-Remote-Write-Histograms-Written": "0",
        "X-Prometheus-Remote-Write-Exemplars-Written": str(report.exemplars),
    }
    if report.refused:
        return Response(_reasons(report) + "\n", 400, headers, media_type="text/plain")
    return Response(None, 204, headers)


async def _unpacked(request: Request, body: bytes) -> bytes:
    """Undo gzip, on a thread if that may take long: a bomb must not keep the others waiting."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding in {"identity", ""}:
        return body
    if encoding != "gzip":
        raise UnsupportedMedia(f"the content encoding {encoding:.80} is not read: send gzip or none")
    if len(body) < _INLINE_BYTES:
        return _gunzipped(body)
    return await asyncio.get_running_loop().run_in_executor(_UNPACKING, _gunzipped, body)


def _gunzipped(body: bytes) -> bytes:
    content = bytearray()
    while body:
        # A gzip body may be several members one after the other; the limit is on their sum.
        reader = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            content += reader.decompress(body, _MAX_UNPACKED - len(content) + 1)
        except zlib.error as error:
            raise InvalidInput(f"the body is not valid gzip: {error}") from error
        if len(content) > _MAX_UNPACKED:
            raise TooLarge(f"the body unpacks to more than {_MAX_UNPACKED} bytes: send smaller batches")
        if not reader.eof:
            raise InvalidInput("the gzip body is cut off")
        body = reader.unused_data
    return bytes(content)


async def otlp(ctx: Context, request: Request) -> Response:
    """Take an OTLP/HTTP export of metrics, logs or traces, in protobuf or JSON."""
    signal = request.url.path.rpartition("/")[2]
    proto_format, json_format, rejected = _OTLP[signal]
    kind, _ = _media_type(request)
    if kind not in {_PROTOBUF, _JSON}:
        raise UnsupportedMedia(f"OTLP needs the content type {_PROTOBUF} or {_JSON}, this is {_named(kind)}")
    try:
        body = await _unpacked(request, await request.body())
        report = await _write(ctx, request, json_format if kind == _JSON else proto_format, body)
    except SteersmanError as error:
        return _otlp_error(error, kind)
    return _otlp_answer(report, kind, signal, rejected)


def _otlp_answer(report: WriteReport, kind: str, signal: str, rejected: str) -> Response:
    count = sum(one.count for one in report.refused)
    partial = {"partialSuccess": {rejected: str(count), "errorMessage": _reasons(report)}} if report.refused else {}
    if kind == _JSON:
        return Response(json.dumps(partial), media_type=_JSON)
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    answers = {
        "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
        "logs": logs_service_pb2.ExportLogsServiceResponse,
        "traces": trace_service_pb2.ExportTraceServiceResponse,
    }
    return Response(ParseDict(partial, answers[signal]()).SerializeToString(), media_type=_PROTOBUF)


def _otlp_error(error: SteersmanError, kind: str) -> Response:
    """Answer with a google.rpc.Status in the encoding of the request, as OTLP asks for."""
    temporary = isinstance(error, Temporary)
    headers = {"Retry-After": str(max(1, round(error.retry_after)))} if isinstance(error, Temporary) else {}
    code = _RPC_UNAVAILABLE if temporary else _RPC_INVALID
    if kind == _JSON:
        text = json.dumps({"code": code, "message": error.message})
        return Response(text, error.status, headers, media_type=_JSON)
    message = error.message.encode()
    return Response(_status(code, message), error.status, headers, media_type=_PROTOBUF)


def _status(code: int, message: bytes) -> bytes:
    """Encode google.rpc.Status {code = 1, message = 2}, which no installed package carries."""
    size = bytearray()
    number = len(message)
    while number > 0x7F:
        size.append(number & 0x7F | 0x80)
        number >>= 7
    size.append(number)
    return bytes([0x08, code, 0x12]) + bytes(size) + message


async def loki(ctx: Context, request: Request) -> Response:
    """Take a Loki push, as JSON (gzip or plain) or as snappy-compressed protobuf."""
    kind, _ = _media_type(request)
    body = await request.body()
    if kind == _JSON:
        report = await _write(ctx, request, WireFormat.LOKI_JSON, await _unpacked(request, body))
    elif kind == _PROTOBUF:
        report = await _write(ctx, request, WireFormat.LOKI_PROTO, body)
    else:
        raise UnsupportedMedia(f"a push needs the content type {_JSON} or {_PROTOBUF}, this is {_named(kind)}")
    if report.refused:
        return Response(_reasons(report) + "\n", 400, media_type="text/plain")
    return Response(None, 204)


_POST = frozenset({"POST"})
RAW_ROUTES = (
    RawRoute(
        methods=_POST,
        path="/api/v1/write",
        handler=remote_write,
        permission="telemetry.metrics.write",
        summary="Prometheus remote write 1.0 and 2.0",
    ),
    *(
        RawRoute(
            methods=_POST,
            path=f"/v1/{signal}",
            handler=otlp,
            permission=f"telemetry.{signal}.write",
            summary=f"OTLP/HTTP {signal}, protobuf or JSON",
        )
        for signal in _OTLP
    ),
    RawRoute(
        methods=_POST,
        path="/loki/api/v1/push",
        handler=loki,
        permission="telemetry.logs.write",
        summary="Loki push, JSON or protobuf",
    ),
)
