"""Log lines as services write them: a few templates, numbers, addresses, and an id that no other line has.

Seeded, so that the benchmark knows which ids exist. Requests are Loki pushes: snappy protobuf, 1,000 lines each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import cramjam

from steersman.engine.decode.proto import loki_push_pb2 as loki

LINES_A_REQUEST = 1_000
SERVICES = ("cart", "checkout", "gateway", "inventory", "login", "mailer", "payments", "search")

_TEMPLATES = (
    ("info", 40, "GET /api/v1/users/{user} 200 in {ms} ms from {address} request_id={id}"),
    ("info", 25, "POST /api/v1/orders 201 in {ms} ms user={user} request_id={id}"),
    ("debug", 15, "cache miss for user:{user}:profile shard={small} request_id={id}"),
    ("warn", 8, "slow query took {ms} ms: SELECT * FROM orders WHERE user_id = {user} request_id={id}"),
    ("warn", 5, "retrying connection to {address}:5432 attempt {small} request_id={id}"),
    ("error", 4, "connection reset by peer while reading from upstream {address} request_id={id}"),
    ("error", 2, "timeout after {ms} ms waiting for lock on table inventory request_id={id}"),
    ("info", 1, "用户 {user} 登录成功 来源 {address} request_id={id}"),
)


@dataclass(frozen=True, slots=True)
class Lines:
    """`count` lines, evenly spread from `start_ns` to `end_ns`."""

    count: int
    start_ns: int
    end_ns: int
    seed: int = 7

    @property
    def requests(self) -> int:
        return -(-self.count // LINES_A_REQUEST)


def request_id(number: int) -> str:
    """The id of line `number`: sixteen hex digits that look random and never repeat."""
    return f"{(number + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}"


def _line(number: int, bits: int, template: str) -> str:
    return template.format(
        user=bits % 500_000,
        ms=(bits >> 20) % 9_000,
        address=f"10.{bits % 4}.{(bits >> 8) % 250}.{(bits >> 16) % 250}",
        small=bits % 7,
        id=request_id(number),
    )


def request(lines: Lines, at: int) -> bytes:
    """The body of request `at`. Each request is one host's and has a stream for each level of each service."""
    random = Random(lines.seed * 1_000_003 + at)  # noqa: S311 - plausible text, not secrets
    first = at * LINES_A_REQUEST
    count = min(LINES_A_REQUEST, lines.count - first)
    gap = (lines.end_ns - lines.start_ns) / lines.count
    push = loki.PushRequest()
    streams: dict[tuple[str, str], loki.Stream] = {}
    chosen = random.choices(_TEMPLATES, [weight for _, weight, _ in _TEMPLATES], k=count)
    for number, (level, _, template) in enumerate(chosen, first):
        bits = random.getrandbits(64)
        key = (SERVICES[bits % 3 + at % 6], level)
        if key not in streams:
            streams[key] = push.streams.add(
                labels=f'{{host="web-{at % 200:03d}", level="{level}", service="{key[0]}"}}'
            )
        seconds, nanos = divmod(lines.start_ns + int(number * gap), 1_000_000_000)
        time = loki.Timestamp(seconds=seconds, nanos=nanos)
        streams[key].entries.add(timestamp=time, line=_line(number, bits, template))
    return bytes(cramjam.snappy.compress_raw(push.SerializeToString()))


def requests(lines: Lines) -> Iterator[bytes]:
    return (request(lines, at) for at in range(lines.requests))
