"""`steersman bench logs`: lines taken in durably at a steady rate, how soon they are found, and search over many.

The first part offers 50,000 lines a second for 20 seconds while a probe pushes single lines and searches for them.
The second loads ten million lines and asks what people ask: an id, a word, two words, a phrase, a field, and
something that is not there.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import asdict
from random import Random
from time import perf_counter
from typing import Annotated, Any

import cramjam
import typer

from steersman.engine.decode.proto import loki_push_pb2 as loki
from steersman.model.errors import Permanent
from steersman.runtime.clock import SystemClock
from steersman.services.telemetry.commands.bench import report, usage
from steersman.services.telemetry.commands.bench.generator import Connection, Target, request_head
from steersman.services.telemetry.commands.bench.ingest import come_to_rest
from steersman.services.telemetry.commands.bench.log_lines import LINES_A_REQUEST, SERVICES, Lines, request_id
from steersman.services.telemetry.commands.bench.log_sender import PATH, Pushed, log_sender
from steersman.services.telemetry.commands.bench.systems import STEERSMAN, System, get
from steersman.services.telemetry.commands.bench.waiting import pause, wait_until

_NS = 1_000_000_000
_PROBE_EVERY_SECONDS = 1.0
_LOAD_HOURS = 24


def search(connection: http.client.HTTPConnection, query: str, start_ns: int, end_ns: int) -> tuple[float, int]:
    """Ask `/api/logs/search` and return the seconds it took and the number of rows."""
    begin = perf_counter()
    asked: dict[str, str | float] = {"query": query, "start": start_ns / _NS, "end": end_ns / _NS, "limit": 100}
    status, body = get(connection, "/api/logs/search", STEERSMAN.token, **asked)
    seconds = perf_counter() - begin
    if status != 200:
        raise Permanent(f"the search for {query!r} was answered with {status}: {body[:300]!r}")
    return seconds, _rows(json.loads(body))


def _rows(answer: dict[str, Any]) -> int:
    for name in ("rows", "logs", "results", "data"):
        if isinstance(answer.get(name), list):
            return len(answer[name])
    raise Permanent(f"a search answered without rows: {sorted(answer)}")


def _probe(system: System, number: int) -> float:
    """Push one line and return the seconds from its acknowledgement until a search finds it."""
    now = SystemClock().wall_ns()
    word = f"probe{now:x}"
    time = loki.Timestamp(seconds=now // _NS, nanos=now % _NS)
    stream = loki.Stream(labels='{service="probe"}', entries=[loki.Entry(timestamp=time, line=f"{word} {number}")])
    body = bytes(cramjam.snappy.compress_raw(loki.PushRequest(streams=[stream]).SerializeToString()))
    target = Target(system.port, path=PATH, token=STEERSMAN.token)
    connection = Connection(system.port)
    status, answer = connection.post(request_head(target), body)
    connection.close()
    if status >= 300:
        raise Permanent(f"a probe was answered with {status}: {answer[:300]!r}")
    asking = http.client.HTTPConnection("127.0.0.1", system.port, timeout=60)

    def found() -> bool:
        return search(asking, word, now - 60 * _NS, now + 60 * _NS)[1] == 1

    try:
        return wait_until(found, 30, "a line is searchable")
    finally:
        asking.close()


def steady_rate(system: System, rate: int, seconds: int) -> dict[str, Any]:
    """Offer a rate for some seconds and measure what it costs and how soon a line is found meanwhile."""
    now = SystemClock().wall_ns()
    lines = Lines(rate * seconds, now, now + seconds * _NS)
    with log_sender(lines, prepared=True) as sender:
        before = system.cpu_seconds()
        sender.post({"target": asdict(Target(system.port, token=STEERSMAN.token, connections=4)), "rate": rate})
        probes: list[float] = []
        begin = perf_counter()
        while perf_counter() - begin < seconds:
            probes.append(_probe(system, len(probes)))
            pause(_PROBE_EVERY_SECONDS)
        pushed = Pushed(**sender.collect())
        sending = system.cpu_seconds() - before
        come_to_rest(system)
    if pushed.error:
        raise Permanent(f"the lines were refused: {pushed.error}")
    return {
        "offered_lines_per_second": rate,
        "acknowledged_lines": pushed.acknowledged,
        "acknowledged_lines_per_second": pushed.acknowledged / pushed.seconds,
        "late_seconds": pushed.late_seconds,
        "asked_to_wait": pushed.busy,
        "cpu_seconds_sending": sending,
        "cpu_seconds": system.cpu_seconds() - before,
        "searchable_after_seconds_median": report.percentile(probes, 0.5),
        "searchable_after_seconds_max": max(probes),
    }


def _questions(lines: Lines, random: Random) -> dict[str, Callable[[], str]]:
    return {
        "id": lambda: request_id(random.randrange(lines.count)),
        "word": lambda: random.choice(("timeout", "retrying", "登录成功", "upstream")),
        "two words": lambda: f"{random.choice(('lock', 'upstream'))} {random.choice(('timeout', 'reset'))}",
        "phrase": lambda: '"waiting for lock on table"',
        "field": lambda: f"service:{random.choice(SERVICES)} severity>=error",
        "address": lambda: f"10.{random.randrange(4)}.{random.randrange(250)}.{random.randrange(250)}",
        "absent": lambda: f"absent{random.getrandbits(40):x}",
    }


def searches(system: System, lines: Lines, repeats: int) -> dict[str, Any]:
    """Time each kind of question over the whole span of the lines, and check that each id is found once."""
    random = Random(lines.seed)  # noqa: S311 - which ids are asked for
    connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=120)
    every: list[float] = []
    kinds: dict[str, Any] = {}
    for name, question in _questions(lines, random).items():
        asked = [search(connection, question(), lines.start_ns - _NS, lines.end_ns + _NS) for _ in range(repeats)]
        times = [seconds for seconds, _ in asked]
        every += times
        kinds[name] = {
            "median_seconds": report.percentile(times, 0.5),
            "p95_seconds": report.percentile(times, 0.95),
            "rows_median": report.percentile([rows for _, rows in asked], 0.5),
        }
        if name == "id" and any(rows != 1 for _, rows in asked):
            raise Permanent("an id that stands in one line was not found exactly once")
    return {"p95_seconds": report.percentile(every, 0.95), "max_seconds": max(every), "kinds": kinds}


def many_lines(system: System, count: int, repeats: int) -> dict[str, Any]:
    """Load so many lines as fast as they are taken, let the store come to rest, and search."""
    end = SystemClock().wall_ns() - 60 * _NS
    lines = Lines(count, end - _LOAD_HOURS * 3_600 * _NS, end)
    with log_sender(lines, prepared=False) as sender:
        question = {"target": asdict(Target(system.port, token=STEERSMAN.token, connections=3)), "rate": 0}
        pushed = Pushed(**sender.ask(question))
    if pushed.error or pushed.acknowledged < lines.requests * LINES_A_REQUEST:
        raise Permanent(f"not all lines were taken in: {pushed.error}")
    come_to_rest(system)
    return {
        "lines": count,
        "load_seconds": pushed.seconds,
        "disk_bytes_per_line": usage.disk_bytes(system.folder / "data") / count,
        "pss_bytes": usage.memory(system.pid).pss,
        **searches(system, lines, repeats),
    }


def logs(
    *,
    rate: Annotated[int, typer.Option(help="Lines a second to offer; 0 leaves this part out.")] = 50_000,
    seconds: Annotated[int, typer.Option(help="For how long.")] = 20,
    lines: Annotated[int, typer.Option(help="Lines to search over; 0 leaves this part out.")] = 10_000_000,
    repeats: Annotated[int, typer.Option(help="Searches of each kind.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure intake and search of log lines."""
    figures: dict[str, Any] = report.circumstances([STEERSMAN])
    if rate:
        with System(STEERSMAN) as system:
            figures["intake"] = steady_rate(system, rate, seconds)
    if lines:
        with System(STEERSMAN) as system:
            figures["search"] = many_lines(system, lines, repeats)
    report.emit(figures, as_json=as_json)
