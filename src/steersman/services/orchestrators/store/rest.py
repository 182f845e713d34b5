"""Speaks HTTP and JSON with an orchestrator, over TLS or a socket of this machine, and sorts its answers.

What may pass is `Temporary`, what the peer says is gone is `NotFound`, what changed meanwhile is `Conflict`, the rest
is `Permanent`. It follows no redirect, takes no proxy from the environment, and repeats nothing by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from steersman.model.errors import Conflict, NotFound, Permanent, SteersmanError, Temporary
from steersman.runtime.outgoing import guarded

if TYPE_CHECKING:
    from ssl import SSLContext

#: An answer above this is no single container or deployment.
_MOST_BYTES = 16 * 1024 * 1024
_MAY_PASS = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer is, and how one shows who one is. `headers` is asked anew for each request, as tokens change."""

    name: str
    url: str
    socket: str | None = None
    headers: Callable[[], Mapping[str, str]] = dict
    tls: Callable[[], SSLContext] | None = None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and the parsed body of an answer; an empty body is None."""

    status: int
    body: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks a peer. It has no way to change anything."""

    address: Address

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the parsed answer."""
        return _ask(self.address, "GET", path, params or {}, None, {}).body


@dataclass(frozen=True, slots=True)
class Writer:
    """Changes things at a peer."""

    reader: Reader

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Make one request that changes something."""
        address = self.reader.address
        return _ask(address, method, path, params or {}, body, headers or {}, timeout_seconds)


def _ask(
    address: Address,
    method: str,
    path: str,
    params: Mapping[str, str],
    body: Any,
    headers: Mapping[str, str],
    timeout_seconds: float | None = None,
) -> Answer:
    from httpx2 import Client, HTTPError, HTTPTransport, InvalidURL

    if address.socket is not None and not Path(address.socket).is_socket():
        raise Temporary(f"{address.name} did not answer: there is no socket {address.socket}")
    # A body of its own type: a patch says in its content type how it is to be read.
    content = None if body is None else json.dumps(body).encode()
    typed = {"Accept": "application/json", **({"Content-Type": "application/json"} if content is not None else {})}
    context = address.tls() if address.tls is not None else True
    # A socket of this machine needs no guard against names.
    host = urlsplit(address.url).hostname or ""
    local = address.socket is not None
    transport = HTTPTransport(uds=address.socket, trust_env=False) if local else guarded([host], verify=context)
    try:
        with (
            Client(
                transport=transport, follow_redirects=False, timeout=timeout_seconds or address.timeout_seconds
            ) as client,
            client.stream(
                method,
                f"{address.url}{path}",
                params=dict(params),
                content=content,
                headers={**typed, **address.headers(), **headers},
            ) as answer,
        ):
            raw = bytearray()
            for chunk in answer.iter_bytes():
                raw += chunk
                if len(raw) > _MOST_BYTES:
                    raise Permanent(f"{address.name} answered with more than {_MOST_BYTES} bytes")
            status = answer.status_code
    except (HTTPError, InvalidURL) as error:
        raise Temporary(f"{address.name} did not answer: {type(error).__name__} {error}".strip()) from error
    return _sorted(address.name, status, bytes(raw))


def _sorted(name: str, status: int, raw: bytes) -> Answer:
    """Return a good answer, and raise what a bad one means."""
    try:
        body = json.loads(raw) if raw.strip() else None
    except ValueError as error:
        if status < 400:
            raise Temporary(f"{name} answered {status} with JSON that does not parse") from error
        body = raw.decode(errors="replace")
    if 200 <= status < 300 or status == 304:
        return Answer(status, body)
    raise _meaning(status)(f"{name} answered {status}: {_message(body)}")


def _meaning(status: int) -> type[SteersmanError]:
    if status == 404:
        return NotFound
    if status == 409:
        return Conflict
    return Temporary if status in _MAY_PASS or status >= 500 else Permanent


def _message(body: Any) -> str:
    """Docker and Kubernetes both put their reason into `message`."""
    text = body.get("message", "") if isinstance(body, dict) else body or ""
    return str(text)[:400]
