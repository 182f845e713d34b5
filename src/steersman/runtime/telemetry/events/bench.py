"""Measures intake and search of log lines on made-up but plausible ones. It decides nothing: it prints figures.

The lines come from templates with ids, hosts, numbers and Chinese text; a trace id and a span id belong to one to
three lines, as in a real service. The same seed gives the same lines.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steersman.model.telemetry import LogColumns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steersman.model.search import Query
    from steersman.runtime.telemetry.events.store import EventStore

#: Lines of one request and requests of one flush, as an agent sends them.
LINES_PER_REQUEST = 1_000
REQUESTS_PER_FLUSH = 100
_START_NS = 1_760_000_000_000_000_000
_GAP_NS = 20_000  # 50,000 lines a second

_TEMPLATES = (
    (9, 400, "GET /api/v1/users/{user} 200 in {ms} ms from {address}"),
    (9, 250, "POST /api/v1/orders 201 in {ms} ms, order {order} for user {user}"),
    (5, 150, "cache miss for key user:{user}:profile on shard {small}"),
    (9, 60, "payment {hex} accepted by gateway stripe after {small} attempts"),
    (13, 60, "slow query took {ms} ms: SELECT * FROM orders WHERE user_id = {user}"),
    (13, 30, "Retrying connection to {address}:5432, attempt {small}"),
    (17, 20, "Connection reset by peer while reading response from upstream {address}"),
    (17, 15, "timeout after {ms} ms waiting for lock on table inventory, request {hex}"),
    (9, 10, "用户 {user} 登录成功，来源 {address}"),
    (17, 4, "数据库连接失败：无法连接到 {address}，重试 {small} 次"),
    (21, 1, "OutOfMemoryError: worker {small} killed, heap {ms} MB"),
)
#: One line in a million says this.
NEEDLE = "Filesystem corruption detected on volume zeta-quadrant"

#: Rare, common, scattered and absent words, phrases, attributes, negations and the worst cases: words that are
#: everywhere and never together, and text that the index cannot look up.
QUERIES = (
    "zeta-quadrant",
    "OutOfMemoryError",
    "timeout",
    "connection reset",
    "10.0.3.17",
    "user 12345",
    "nosuchword",
    "killed stripe",
    '"reset by peer while"',
    '"nection res"',
    '"no such phrase at all"',
    "OutOfM*",
    "无法连接",
    "登录成功 user",
    "service:payments severity>=error",
    "host.name:web-017 timeout",
    "host.name=web-01* 数据库",
    "region:eu-2 env:staging killed",
    "trace_id:00000000000000000123456789abcdef",
    "timeout -inventory",
    "-info severity>=fatal",
    "shop OR zeta",
    "/attempt [5-6]$/",
    "timeout inventory -lock",
    "GET -GET",
)


def lines(count: int, seed: int = 1) -> Iterator[LogColumns]:
    """Yield `count` lines as requests, in order of time with a little disorder."""
    chance = random.Random(seed)  # noqa: S311 -- nothing here is a secret
    weights = [weight for _, weight, _ in _TEMPLATES]
    attributes = [
        json.dumps(
            {"host.name": f"web-{host:03d}", "env": "prod" if host % 10 else "staging", "region": f"eu-{host % 3}"}
        )
        for host in range(200)
    ]
    made = 0
    while made < count:
        columns = LogColumns()
        for severity, _, template in chance.choices(_TEMPLATES, weights, k=LINES_PER_REQUEST):
            made += 1
            _add(columns, severity, NEEDLE if made % 1_000_000 == 500_000 else template, made, chance, attributes)
        yield columns


def _add(
    columns: LogColumns, severity: int, template: str, number: int, chance: random.Random, attributes: list[str]
) -> None:
    bits = chance.getrandbits(64)
    host = bits % 200
    columns.time_ns.append(_START_NS + number * _GAP_NS - bits % 1_000_000)
    columns.severity.append(severity)
    columns.service.append(("shop", "orders", "payments", "login", "inventory")[bits % 5])
    columns.body.append(
        template.format(
            user=bits % 500_000,
            ms=bits % 9_000,
            order=f"ORD-{bits % 10**9}",
            address=f"10.0.{bits % 50}.{(bits >> 8) % 250}",
            small=bits % 7,
            hex=f"{bits:016x}",
        )
    )
    columns.attributes.append(attributes[host])
    trace = number // 2
    columns.trace_id.append(f"{trace * 0x9E3779B97F4A7C15 % 2**128:032x}")
    columns.span_id.append(f"{bits:016x}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Seconds passed, seconds of this process's CPU, and bytes of memory held."""

    monotonic: Callable[[], float]
    cpu: Callable[[], float]
    memory: Callable[[], int]


def ingest(store: EventStore, count: int, clocks: Clocks) -> dict[str, Any]:
    """Take in `count` lines and write them as blocks; making the lines is not counted."""
    cpu = wall = 0.0
    waiting: list[LogColumns] = []
    seq = 0
    for columns in lines(count):
        waiting.append(columns)
        if len(waiting) < REQUESTS_PER_FLUSH and seq + len(waiting) < count // LINES_PER_REQUEST:
            continue
        cpu_before, before = clocks.cpu(), clocks.monotonic()
        for one in waiting:
            seq += 1
            store.append("default", one, seq)
        waiting = []
        frozen = store.freeze()
        if frozen is not None:
            store.commit(frozen, store.write(frozen))
        cpu += clocks.cpu() - cpu_before
        wall += clocks.monotonic() - before
    return {
        "lines": count,
        "cpu_us_per_line": round(cpu / count * 1e6, 2),
        "wall_us_per_line": round(wall / count * 1e6, 2),
        "core_at_50000_lines_per_second": round(cpu / count * 50_000, 3),
        "bytes_per_line": round(sum(block.bytes for block in store.blocks) / count, 1),
    }


def search(store: EventStore, queries: Mapping[str, Query], clocks: Clocks, rounds: int = 3) -> dict[str, Any]:
    """Ask every query `rounds` times for the newest 100 rows and return the times in milliseconds."""
    times: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for _ in range(rounds):
        for text, query in queries.items():
            before = clocks.monotonic()
            result = store.search("default", query, 0, 2**62, 100, seconds=60.0)
            times.setdefault(text, []).append((clocks.monotonic() - before) * 1e3)
            found[text] = len(result.rows)
    every = sorted(value for values in times.values() for value in values)
    return {
        "queries": {text: {"rows": found[text], "ms": [round(value, 1) for value in times[text]]} for text in queries},
        "p50_ms": round(every[len(every) // 2], 1),
        "p95_ms": round(every[int(len(every) * 0.95)], 1),
        "blocks": len(store.blocks),
        "memory_mb": round(clocks.memory() / 1e6, 1),
    }
