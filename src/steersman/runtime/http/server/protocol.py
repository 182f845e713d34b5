"""Bounds what a connection can take from the server before anybody knows who is calling.

uvicorn's protocol waits for ever for a request's head and keeps as many headers as a peer cares to send. Here a
head has a size and a deadline, and a body that goes on after its answer is listened to for a moment only, so that
the sender can still read why it was refused.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The common bound of servers is 8 to 64 KiB; cookies and long queries of Grafana stay well below.
HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 10.0
#: How long the rest of a refused body may go on.
LINGER_SECONDS = 5.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. In the usual case, a head that comes in one piece, no timer is ever set."""

    _head_bytes = 0
    _in_head = False
    _in_message = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._close_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stay()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()
            elif self._deadline is None:
                self._close_in(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._in_head = self._in_message = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stay()
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the fields of the head. Trailers come after the caller was admitted and must not change the request."""
        if self._in_head:
            super().on_header(name, value)

    def on_message_complete(self) -> None:
        self._in_message = False
        self._stay()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and not self.transport.is_closing():
            self._close_in(LINGER_SECONDS)

    def _close_in(self, seconds: float) -> None:
        self._stay()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _stay(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
