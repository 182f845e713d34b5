"""The server-sent events behind the live page, taken straight from the handler."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from steersman.contract.ports import Caller
from steersman.services.telemetry.logic.live import Counters, CpuTimes, HostFacts, Live, SourceRow
from steersman.services.telemetry.web.live import overview, stream, view

NOW_MS = 1_800_000_000_000
LOOK = Counters(
    time_ms=NOW_MS, cores=(CpuTimes(1, 1, 0, 0, 8),), memory_total=1 << 33, memory_used=1 << 32, memory_cached=1 << 30,
    memory_available=1 << 32, disk_read=0, disk_written=0, net_received=0, net_sent=0,
)  # fmt: skip


class StandingClock:
    def wall_ns(self) -> int:
        return NOW_MS * 1_000_000

    def monotonic(self) -> float:
        return 100.0


@dataclass(frozen=True)
class Figures:
    series: int = 10
    samples_total: int = 1_000
    samples_per_second: float = 5.0
    wal_bytes: int = 1
    head_bytes: int = 2
    blocks: int = 0
    disk_bytes: int = 3
    log_lines_total: int = 0
    spans_total: int = 0
    oldest_ns: int | None = None
    ready: bool = False
    replay_progress: float = 0.25
    last_checkpoint_age_seconds: float | None = None


@pytest.fixture
def live() -> Live:
    rows = [SourceRow(kind="scrape", name="<script>alert(1)</script>", samples=1, last_ms=NOW_MS, error="a & b")]
    live = Live(host=HostFacts(name="box", system="Linux", boot_ms=None), sources=lambda: rows, store=Figures)
    for step in range(3):
        look(live, step)
    return live


def look(live: Live, step: int) -> None:
    core = CpuTimes(1 + step, 1, 0, 0, 8 + step)
    live.feed.look(replace(LOOK, time_ms=NOW_MS + step * 2_000, cores=(core,)))


def context(live: Live) -> Any:
    return SimpleNamespace(
        caller=Caller("ann"), ports=SimpleNamespace(clock=StandingClock()), state=SimpleNamespace(live=live)
    )


def request(headers: dict[str, str] | None = None, query: str = "") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "headers": raw, "query_string": query.encode()})


async def body(live: Live, asked: Request) -> AsyncIterator[tuple[str, Any, str | None]]:
    response: Any = await stream(context(live), asked)
    async for text in response.body_iterator:
        fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
        yield fields["event"], json.loads(fields["data"]), fields.get("id")


def test_a_new_browser_gets_the_ring_and_the_tables_at_once(live: Live) -> None:
    """The id of the readings is the time of the newest one, so that a reconnection can name it."""

    async def take() -> None:
        events = body(live, request())
        kind, payload, identity = await anext(events)
        assert (kind, identity) == ("readings", str(NOW_MS + 4_000))
        assert payload["columns"]["t"] == [NOW_MS + 2_000, 2_000]
        kind, payload, _ = await anext(events)
        assert (kind, sorted(payload["parts"])) == ("board", ["disks", "sources", "store"])
        await events.aclose()

    asyncio.run(take())


@pytest.mark.parametrize(
    "asked",
    [request({"last-event-id": str(NOW_MS + 2_000)}), request(query=f"since={NOW_MS + 2_000}")],
    ids=["header", "query"],
)
def test_a_browser_that_comes_back_gets_only_what_it_missed(live: Live, asked: Request) -> None:
    """Its header, or its query at the first connection, says what it has."""

    async def take() -> None:
        events = body(live, asked)
        _, payload, _ = await anext(events)
        assert payload["columns"]["t"] == [NOW_MS + 4_000]
        await events.aclose()

    asyncio.run(take())


def test_a_nonsensical_position_is_no_position(live: Live) -> None:
    """A made-up header gets the whole ring, not an error."""

    async def take() -> None:
        events = body(live, request({"last-event-id": "٣"}))
        _, payload, _ = await anext(events)
        assert len(payload["columns"]["t"]) == 2
        await events.aclose()

    asyncio.run(take())


def test_a_reading_reaches_a_waiting_browser_and_leaving_is_noticed(live: Live) -> None:
    """The tables are not sent again so soon; when the stream closes nobody watches any more."""

    async def take() -> None:
        events = body(live, request())
        await anext(events)
        await anext(events)
        assert live.feed.watched
        look(live, 3)
        kind, payload, _ = await anext(events)
        assert (kind, payload["columns"]["t"]) == ("readings", [NOW_MS + 6_000])
        await events.aclose()

    asyncio.run(take())


def test_what_a_source_calls_itself_is_never_markup(live: Live) -> None:
    """Names and errors come from peers and configuration."""

    async def take() -> str:
        events = body(live, request(query=f"since={NOW_MS + 4_000}"))
        _, payload, _ = await anext(events)
        await events.aclose()
        return str(payload["parts"]["sources"])

    html = asyncio.run(take())
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "a &amp; b" in html


def test_the_tables_come_in_the_language_of_the_reader(live: Live) -> None:
    """The stream negotiates as the page does."""

    async def take() -> str:
        events = body(live, request({"accept-language": "zh-CN"}, f"since={NOW_MS + 4_000}"))
        _, payload, _ = await anext(events)
        await events.aclose()
        return str(payload["parts"]["store"])

    html = asyncio.run(take())
    assert "活跃序列" in html
    assert "25.0 %" in html


def test_the_overview_has_the_figures_of_the_page(live: Live) -> None:
    """One answer as JSON, for a script that asks once."""
    answer = overview(context(live))
    assert answer.sources[0].state == "failing"
    assert answer.store["series"] == 10
    assert (answer.cores, answer.reading and answer.reading.busy) == (1, 50.0)


def test_the_machine_itself_does_not_count_as_a_connected_source(live: Live) -> None:
    """A newcomer is shown how to connect something until something is connected."""
    own = [SourceRow(kind="host", name="box", samples=9), SourceRow(kind="processes", name="box", samples=9)]
    assert not overview(context(replace(live, sources=lambda: own))).connected
    assert overview(context(live)).connected


def test_the_page_opens_before_anything_was_read() -> None:
    """In the first second there is no reading and no core to show."""
    empty = Live(host=HostFacts(name="box", system="Linux", boot_ms=None), sources=list, store=Figures)
    values = view(context(empty))
    assert values["overview"].reading is None
    assert values["history"]["t"] == []
