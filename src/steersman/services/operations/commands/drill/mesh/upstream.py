"""A client of one neighbour: a bounded pool of kept connections, a time limit, one retry of a read, and its numbers."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

from steersman.services.operations.commands.drill.mesh.clock import monotonic
from steersman.services.operations.commands.drill.mesh.meter import Meter
from steersman.services.operations.commands.drill.mesh.spans import Trace, Tracer
from steersman.services.operations.commands.drill.mesh.wire import Response, read_response, request_bytes

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_BROKEN = (OSError, ValueError, asyncio.IncompleteReadError)


class Unreachable(Exception):
    """The neighbour did not answer: `reason` is timeout, refused or certificate."""

    def __init__(self, peer: str, reason: str, detail: str = "") -> None:
        super().__init__(f"{peer}: {reason} {detail}".rstrip())
        self.reason = reason


class Slots:
    """A bounded number of permits whose size may change while they are out. Who waits is served in turn."""

    def __init__(self, size: Callable[[], int]) -> None:
        self.size = size
        self.in_use = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return sum(not waiter.done() for waiter in self._waiters)

    async def take(self) -> None:
        while self.in_use >= self.size():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        self.in_use += 1

    def give(self) -> None:
        self.in_use -= 1
        self.wake()

    def wake(self) -> None:
        """Let the next in line look again; also after the size has grown."""
        waiter = next((one for one in self._waiters if not one.done()), None)
        if waiter is not None:
            waiter.set_result(None)


class Upstream:
    """One neighbour by name. `address` is asked again for each new connection, so that a route can move."""

    def __init__(
        self,
        peer: str,
        address: Callable[[], str],
        *,
        slots: Slots,
        timeout: Callable[[], float],
        meter: Meter,
        tracer: Tracer,
        tls: ssl.SSLContext | None = None,
        forgets: Callable[[], bool] = lambda: False,
    ) -> None:
        self.peer = peer
        self.slots = slots
        self._address = address
        self._timeout = timeout
        self._meter = meter
        self._tracer = tracer
        self._tls = tls
        self._forgets = forgets
        self._idle: list[tuple[str, _Connection]] = []
        meter.add("dependency_requests_total", 0, peer=peer, outcome="ok")
        meter.add("dependency_requests_total", 0, peer=peer, outcome="error")

    async def call(self, method: str, target: str, place: Trace, **content: Any) -> Response:
        """Ask the neighbour. Raises `Unreachable` when there is no answer in time; an answer of any status is one."""
        began, child = monotonic(), place.child()
        status, outcome = 0, "error"
        try:
            async with asyncio.timeout(self._timeout()):
                response = await self._answered(method, target, child, json.dumps(content).encode() if content else b"")
            status, outcome = response.status, "ok" if response.status < 500 else "error"
            return response
        except TimeoutError as error:
            outcome = "timeout"
            raise Unreachable(self.peer, outcome) from error
        except ssl.SSLError as error:
            outcome = "certificate"
            raise Unreachable(self.peer, outcome, error.reason or str(error)) from error
        except _BROKEN as error:
            outcome = "refused"
            raise Unreachable(self.peer, outcome, str(error)) from error
        finally:
            took = monotonic() - began
            self._meter.add("dependency_requests_total", peer=self.peer, outcome=outcome)
            self._meter.observe("dependency_request_duration_seconds", took, peer=self.peer)
            self._tracer.record(child, f"{method} {self.peer}", "client", took, status, self.peer)

    async def _answered(self, method: str, target: str, place: Trace, body: bytes) -> Response:
        content = request_bytes(method, target, body, f"traceparent: {place.header}\r\n")
        async with self._slot():
            reused = bool(self._idle)
            try:
                return await self._exchange(content)
            except _BROKEN:
                # The other side may have closed a kept connection; what only reads may be asked again at once.
                if not reused or method != "GET":
                    raise
                self.drop()
                return await self._exchange(content)

    @asynccontextmanager
    async def _slot(self):  # type: ignore[no-untyped-def]  # an async generator, spelled out by the decorator
        await self.slots.take()
        try:
            yield
        finally:
            if not self._forgets():
                self.slots.give()

    async def _exchange(self, content: bytes) -> Response:
        address, (reader, writer) = await self._connection()
        try:
            writer.write(content)
            response = await read_response(reader)
        except BaseException:
            writer.close()
            raise
        self._idle.append((address, (reader, writer)))
        return response

    async def _connection(self) -> tuple[str, _Connection]:
        address = self._address()
        while self._idle:
            known, connection = self._idle.pop()
            if known == address and not connection[0].at_eof():
                return address, connection
            connection[1].close()
        host, _, port = address.rpartition(":")
        return address, await asyncio.open_connection(host, int(port), ssl=self._tls)

    def drop(self) -> None:
        """Close the connections that nobody uses."""
        for _, (_, writer) in self._idle:
            writer.close()
        self._idle.clear()

    def report(self) -> None:
        """Put the state of the pool on the page."""
        self._meter.set("pool_connections_in_use", self.slots.in_use, pool=self.peer)
        self._meter.set("pool_connections_max", self.slots.size(), pool=self.peer)
        self._meter.set("pool_waiters", self.slots.waiting, pool=self.peer)
