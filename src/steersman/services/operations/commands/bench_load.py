"""A light client for many connections: each asks, reads the answer and asks again. A process of its own, over loopback.

`python -m steersman.services.operations.commands.bench_load PLAN` reads a plan as JSON and prints what it measured. It
parses no more of an answer than its status and its length, so that the server has the machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter, process_time
from typing import Any

_HEAD_END = b"\r\n\r\n"
#: In a body, this is replaced by another number of as many digits in every request.
NUMBER = b"##NUMBER##"


@dataclass(slots=True)
class Measured:
    """Seconds of every answer, and how many answers had which status; a broken connection counts as status 0."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bytes: int = 0


class Client(asyncio.Protocol):
    """One connection that asks for its addresses in turn, so often."""

    def __init__(self, requests: list[bytes], count: int, first: int, measured: Measured) -> None:
        self._requests = requests
        self._left = count
        self._next = first
        self._measured = measured
        self._buffer = bytearray()
        self._asked = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        if self._left == 0:
            self._transport.close()
            return
        self._left -= 1
        self._asked = perf_counter()
        request = self._requests[self._next % len(self._requests)]
        self._transport.write(request.replace(NUMBER, b"%010d" % self._next) if NUMBER in request else request)
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        size = end + len(_HEAD_END) + int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self._buffer) < size:
            return
        self._measured.seconds.append(perf_counter() - self._asked)
        self._measured.statuses[int(head[9:12])] += 1
        self._measured.bytes += size
        del self._buffer[:size]
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._left or exc:
            self._measured.statuses[0] += self._left + 1
        if not self.done.done():
            self.done.set_result(None)


def _request(plan: dict[str, Any], path: str) -> bytes:
    body = plan.get("body", "")
    head = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"host: 127.0.0.1:{plan['port']}"]
    head += [f"authorization: Bearer {plan['token']}", "content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*head, "", body]).encode()


async def _run(plan: dict[str, Any]) -> dict[str, Any]:
    measured, loop = Measured(), asyncio.get_running_loop()
    requests = [_request(plan, path) for path in plan["paths"]]
    begin, used = perf_counter(), process_time()
    clients = []
    for number in range(plan["clients"]):
        make = partial(Client, requests, plan["requests"], number * plan["apart"], measured)
        _, client = await loop.create_connection(make, "127.0.0.1", plan["port"])
        clients.append(client.done)
    await asyncio.gather(*clients)
    elapsed = perf_counter() - begin
    ordered = sorted(measured.seconds)
    return {
        "requests": len(ordered),
        "seconds": elapsed,
        "rps": len(ordered) / elapsed,
        **{f"p{share}_ms": _percentile(ordered, share / 100) * 1e3 for share in (50, 95, 99)},
        "errors": sum(count for status, count in measured.statuses.items() if status != 200),
        "statuses": dict(measured.statuses),
        "bytes": measured.bytes,
        "client_cpu_seconds": process_time() - used,
    }


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_run(json.loads(sys.argv[1])))))
