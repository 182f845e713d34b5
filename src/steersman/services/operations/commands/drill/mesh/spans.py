"""Spans of the mesh, sent as OTLP/HTTP JSON: one request in five, small batches, dropped while nobody takes them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from steersman.services.operations.commands.drill.mesh.clock import chance, random_hex, true_wall
from steersman.services.operations.commands.drill.mesh.wire import read_response, request_bytes

_SAMPLED = 0.2
_MOST_WAITING = 500
_TIMEOUT_SECONDS = 1.0
_KINDS = {"server": 2, "client": 3}  # opentelemetry.proto.trace.v1.Span.SpanKind
_ERROR = 2  # Status.StatusCode.STATUS_CODE_ERROR


@dataclass(frozen=True, slots=True)
class Trace:
    """The place of one piece of work in its trace."""

    trace: str
    span: str
    parent: str
    sampled: bool

    @property
    def header(self) -> str:
        return f"00-{self.trace}-{self.span}-{'01' if self.sampled else '00'}"

    def child(self) -> Trace:
        return Trace(self.trace, random_hex(16), self.span, self.sampled)


def trace_of(header: str) -> Trace:
    """Continue the trace that a caller names, or begin one."""
    parts = header.split("-")
    if len(parts) == 4:
        return Trace(parts[1], random_hex(16), parts[2], parts[3] == "01")
    return Trace(random_hex(32), random_hex(16), "", chance(_SAMPLED))


class Tracer:
    """Collects the sampled spans of one service and sends them once a second."""

    def __init__(self, service: str, watcher: str, token: str) -> None:
        self._service = service
        self._watcher = watcher
        self._token = token
        self._waiting: list[dict[str, Any]] = []

    def record(
        self, place: Trace, name: str, kind: Literal["server", "client"], seconds: float, status: int, peer: str = ""
    ) -> None:
        """Take a span that ends now. A status of 0 means that there was no answer."""
        if not place.sampled or not self._watcher or len(self._waiting) >= _MOST_WAITING:
            return
        end = int(true_wall() * 1e9)
        attributes = [_attribute("http.response.status_code", str(status)), _attribute("peer.service", peer)]
        self._waiting.append(
            {
                "traceId": place.trace,
                "spanId": place.span,
                "parentSpanId": place.parent,
                "name": name,
                "kind": _KINDS[kind],
                "startTimeUnixNano": str(end - int(seconds * 1e9)),
                "endTimeUnixNano": str(end),
                "attributes": [one for one in attributes if one["value"]["stringValue"] not in {"", "0"}],
                "status": {"code": _ERROR} if status >= 500 or status == 0 else {},
            }
        )

    async def send(self) -> None:
        """Send what waits. What cannot be delivered is gone: a service does not suffer from its watcher."""
        spans, self._waiting = self._waiting, []
        if not spans:
            return
        resource = {"attributes": [_attribute("service.name", self._service)]}
        body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()
        headers = f"Content-Type: application/json\r\nAuthorization: Bearer {self._token}\r\nConnection: close\r\n"
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await _post(self._watcher, request_bytes("POST", "/v1/traces", body, headers))
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            return


async def _post(base: str, content: bytes) -> None:
    place = urlsplit(base)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(content)
        await read_response(reader)
    finally:
        writer.close()


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
