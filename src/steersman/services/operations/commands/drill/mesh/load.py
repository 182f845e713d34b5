"""The customers: an open-loop load on the front end, at the rate that a file says, whatever the mesh does.

`python -m ...mesh.load ENTRY_URL FOLDER` follows `demand.json` in the folder and prints one line of JSON for each
second: what was sent, what went well, and how long it took. Latency counts from when a request was due, so that a
mesh that stands still is not flattered by requests that were never sent.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from steersman.services.operations.commands.drill.mesh.clock import true_wall
from steersman.services.operations.commands.drill.mesh.wire import Response, read_response, request_bytes

TIMEOUT_SECONDS = 3.0
_MOST_OPEN = 400
_PAGES = 10


@dataclass(frozen=True, slots=True)
class Demand:
    """What customers want: requests a second, the share of them that are orders, and how much work an order makes."""

    rate: float = 25.0
    orders: float = 0.3
    weight: float = 1.0

    def write(self, folder: Path) -> None:
        draft = folder / "demand.new"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(folder / "demand.json")


def demand_in(folder: Path) -> Demand:
    try:
        return Demand(**json.loads((folder / "demand.json").read_text()))
    except (OSError, ValueError, TypeError):
        return Demand()


@dataclass(slots=True)
class Second:
    """What ended in one second. `orders` were acknowledged, so they must never be lost; latencies are in ms."""

    time_ms: int
    sent: int = 0
    ok: int = 0
    failed: int = 0
    orders: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    max_ms: float = 0.0
    failures: dict[str, int] = field(default_factory=dict)


class Customers:
    """Sends requests when they are due and keeps the account of the second that runs."""

    def __init__(self, url: str, folder: Path) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname or "127.0.0.1", place.port or 80
        self._folder = folder
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open: set[asyncio.Task[None]] = set()
        self._sent = self._orders = 0
        self._latencies: list[float] = []
        self._failures: Counter[str] = Counter()

    async def run(self, ended: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        due, number, told = loop.time(), 0, loop.time() + 1
        while not ended.is_set():
            demand = demand_in(self._folder)
            while due <= loop.time():
                self._send(number, demand, due)
                number += 1
                due += 1 / max(demand.rate, 0.1)
            if loop.time() >= told:
                told += 1
                sys.stdout.write(json.dumps(asdict(self._account())) + "\n")
                sys.stdout.flush()
            await asyncio.sleep(max(0.0, min(due, told) - loop.time()))

    def _send(self, number: int, demand: Demand, due: float) -> None:
        self._sent += 1
        if len(self._open) >= _MOST_OPEN:
            self._failures["not sent"] += 1
            return
        task = asyncio.get_running_loop().create_task(self._one(number, demand, due))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _one(self, number: int, demand: Demand, due: float) -> None:
        # The share of orders is spread evenly: of any run of requests it is as near as whole numbers allow.
        order = int((number + 1) * demand.orders) > int(number * demand.orders)
        body = json.dumps({"item": number % 20, "weight": demand.weight}).encode() if order else b""
        target = "/order" if order else f"/catalogue?page={number % _PAGES}"
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self._exchange(request_bytes("POST" if order else "GET", target, body))
        except TimeoutError:
            self._failures["timeout"] += 1
        except (OSError, ValueError, asyncio.IncompleteReadError):
            self._failures["refused"] += 1
        else:
            self._took(response, order, asyncio.get_running_loop().time() - due)

    def _took(self, response: Response, order: bool, seconds: float) -> None:  # noqa: FBT001 - a fact, not a switch
        if not response.ok:
            self._failures[str(response.status)] += 1
            return
        self._orders += order
        self._latencies.append(seconds * 1_000)

    async def _exchange(self, content: bytes) -> Response:
        while self._idle and self._idle[-1][0].at_eof():
            self._idle.pop()[1].close()
        kept = self._idle.pop() if self._idle else None
        reader, writer = kept or await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(content)
            response = await read_response(reader)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return response

    def _account(self) -> Second:
        times, failures = sorted(self._latencies), dict(self._failures)
        second = Second(
            int(true_wall() * 1_000),
            self._sent,
            len(times),
            sum(failures.values()),
            self._orders,
            _quantile(times, 0.5),
            _quantile(times, 0.95),
            _quantile(times, 1.0),
            failures,
        )
        self._sent = self._orders = 0
        self._latencies, self._failures = [], Counter()
        return second


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0


async def _main(url: str, folder: Path) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await Customers(url, folder).run(ended)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
