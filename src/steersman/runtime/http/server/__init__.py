"""Puts an ASGI application on a socket: the only place that knows the web server."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from steersman.model.errors import Conflict, Permanent
from steersman.runtime.http.server.live import LiveStreams
from steersman.runtime.http.server.protocol import BoundedProtocol
from steersman.runtime.http.server.tls import Tls

#: Connections that may wait to be accepted, and seconds that an idle one is kept: senders reuse theirs every 5 to 60 s.
_BACKLOG = 512
_KEEP_ALIVE_SECONDS = 75
#: Of the 5 seconds that an orderly stop may take, the rest belongs to the services.
_DRAIN_SECONDS = 2
#: Connections at a time; each takes a descriptor, and the store needs some as well.
_CONNECTIONS = 4096
#: uvicorn ticks ten times a second.
_TICKS_PER_LOOK = 50


def listen(host: str, port: int) -> socket.socket:
    """Bind the one port, before anything slow; raises `Conflict` when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(f"{host}:{port} is already in use: stop the other one or give another --listen") from error
        raise Permanent(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return sock


class Server(uvicorn.Server):
    """uvicorn without its own signals: the composition root decides when to stop."""

    def __init__(self, app: ASGIApp, tls: Tls | None = None) -> None:
        self._tls = tls
        self._streams = LiveStreams(app)
        super().__init__(
            uvicorn.Config(
                self._streams,
                loop="none",
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_DRAIN_SECONDS,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
            )
        )

    async def on_tick(self, counter: int) -> bool:
        """Look for a new certificate now and then."""
        if self._tls is not None and counter % _TICKS_PER_LOOK == 0:
            await asyncio.to_thread(self._tls.renew)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more requests, end what has no end of its own, and let the others finish."""
        self._streams.end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the composition root."""
        yield
