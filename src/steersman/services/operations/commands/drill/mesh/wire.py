"""HTTP/1.1 as far as the mesh needs it: keep-alive, bodies of a stated length, JSON. No chunks, no pipelining."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_MOST_BYTES = 1 << 20
_REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for. `parent` is the trace context that came along, as W3C `traceparent` writes it."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    parent: str = ""

    def json(self) -> dict[str, Any]:
        content = json.loads(self.body) if self.body else {}
        return content if isinstance(content, dict) else {}


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answers."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"

    @property
    def ok(self) -> bool:
        return self.status < 400

    def json(self) -> dict[str, Any]:
        content = json.loads(self.body) if self.body else {}
        return content if isinstance(content, dict) else {}


def answer(status: int = 200, /, **content: Any) -> Response:
    """A JSON answer."""
    return Response(status, json.dumps(content).encode())


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read the next request of a connection, or None when the client is done with it."""
    try:
        first, headers, body = await _read_message(reader)
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = first.split(" ", 2)
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query)), body, headers.get("traceparent", ""))


async def read_response(reader: asyncio.StreamReader) -> Response:
    first, headers, body = await _read_message(reader)
    return Response(int(first.split(" ", 2)[1]), body, headers.get("content-type", ""))


async def _read_message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _MOST_BYTES:
        raise ValueError(f"a body of {length} bytes")
    return first, headers, await reader.readexactly(length) if length else b""


def request_bytes(method: str, target: str, body: bytes = b"", headers: str = "") -> bytes:
    """Write a request; `headers` are further lines, each with its end."""
    return f"{method} {target} HTTP/1.1\r\nHost: mesh\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def response_bytes(response: Response) -> bytes:
    head = (
        f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Error')}\r\n"
        f"Content-Type: {response.content_type}\r\nContent-Length: {len(response.body)}\r\n\r\n"
    )
    return head.encode() + response.body
