"""The server of one mesh program: routes, the numbers of each request, and pages that a fault leaves alone.

`/healthz`, `/metrics` and `POST /fault` bypass the numbers and the planted defects of single requests. What stops the
whole process stops them too.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from steersman.services.operations.commands.drill.mesh.clock import monotonic
from steersman.services.operations.commands.drill.mesh.logs import Log
from steersman.services.operations.commands.drill.mesh.meter import Meter
from steersman.services.operations.commands.drill.mesh.planted import Planted
from steersman.services.operations.commands.drill.mesh.spans import Trace, Tracer, trace_of
from steersman.services.operations.commands.drill.mesh.upstream import Unreachable
from steersman.services.operations.commands.drill.mesh.wire import (
    Request,
    Response,
    answer,
    read_request,
    response_bytes,
)

Handler = Callable[[Request, Trace], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Instruments:
    """What a request leaves traces in."""

    meter: Meter
    tracer: Tracer
    log: Log
    planted: Planted


class Server:
    """Answers on one or more listeners. A route is a method and the first part of a path, as in `GET /rows`."""

    def __init__(self, routes: Mapping[str, Handler], own: Instruments) -> None:
        self._routes = routes
        self._own = own
        self._in_flight = 0
        self._listeners: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        own.meter.add("http_requests_total", 0, code="200")

    async def listen(self, address: str, tls: ssl.SSLContext | None = None) -> None:
        host, _, port = address.rpartition(":")
        self._listeners.append(await asyncio.start_server(self._connection, host, int(port), ssl=tls))

    def hang_up(self) -> None:
        """Close what is connected, so that clients come back to what has changed."""
        for writer in list(self._writers):
            writer.close()

    def close(self) -> None:
        """Take no more connections."""
        for listener in self._listeners:
            listener.close()

    async def drained(self, seconds: float) -> None:
        """Let the requests that are on their way end, for so long at most."""
        for _ in range(int(seconds / 0.05)):
            if not self._in_flight:
                return
            await asyncio.sleep(0.05)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await read_request(reader)) is not None:
                writer.write(response_bytes(await self._answer(request)))
                await writer.drain()
        except (OSError, ValueError, asyncio.LimitOverrunError):
            pass  # the client is gone, or speaks something else
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, request: Request) -> Response:
        name = f"{request.method} /{request.path.split('/')[1]}"
        if name == "GET /healthz":
            return answer(status="ok")
        if name == "GET /metrics":
            return Response(200, self._own.meter.page().encode(), "text/plain; version=0.0.4")
        if name == "POST /fault":
            return answer(**self._own.planted.change(request.json()))
        return await self._measured(name, request)

    async def _measured(self, name: str, request: Request) -> Response:
        began, place = monotonic(), trace_of(request.parent)
        self._in_flight += 1
        self._own.meter.set("http_requests_in_flight", self._in_flight)
        response = await self._handled(name, request, place)
        self._in_flight -= 1
        took = monotonic() - began
        self._own.meter.set("http_requests_in_flight", self._in_flight)
        self._own.meter.add("http_requests_total", code=str(response.status))
        self._own.meter.observe("http_request_duration_seconds", took)
        self._own.tracer.record(place, name, "server", took, response.status)
        return response

    async def _handled(self, name: str, request: Request, place: Trace) -> Response:
        handler = self._routes.get(name)
        if handler is None:
            return answer(404, error=f"no route {name}")
        try:
            problem = await self._own.planted.before_request()
            return answer(500, error=problem) if problem else await handler(request, place)
        except Unreachable as error:
            self._own.log.write("WARNING", f"upstream failed: {error}")
            return answer(504 if error.reason == "timeout" else 502, error=str(error))
        except MemoryError as error:
            self._own.log.write("ERROR", f"out of memory: {error}")
            return answer(503, error="out of memory")
        except OSError as error:
            self._own.log.write("ERROR", f"{name} failed: {error}")
            return answer(507 if error.errno == 28 else 500, error=str(error))  # 28 is ENOSPC: insufficient storage
        except (ValueError, KeyError, TypeError) as error:
            self._own.log.write("ERROR", f"{name} failed: {type(error).__name__} {error}")
            return answer(400, error=f"{type(error).__name__}: {error}")
