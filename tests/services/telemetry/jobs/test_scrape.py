"""Scraping a real local server into a store that decodes what it is given."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import struct
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import InvalidInput, Temporary
from steersman.model.ids import Tenant
from steersman.model.labels import decode_labels
from steersman.model.telemetry import STALE_NAN_BITS, WireFormat
from steersman.services.telemetry.jobs.fetch import Fetcher
from steersman.services.telemetry.jobs.scrape import FAILED_SCRAPES, TargetScraper, jobs_of, scrape_targets
from steersman.services.telemetry.jobs.sources import Intake, Sources
from steersman.services.telemetry.logic.discovery import targets_of
from steersman.services.telemetry.model import ScrapeJob, SensesSettings

STALE = object()


class RealClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class DecodingStore:
    """Keeps samples as (labels, time, value) in the order in which they came; a marker reads as STALE."""

    def __init__(self) -> None:
        self.samples: list[tuple[dict[str, str], int, Any]] = []
        self.refuse: Temporary | None = None
        self.refuse_series = ""

    async def write(self, format: WireFormat, _tenant: Tenant, body: bytes, received_ns: int) -> None:
        if self.refuse:
            raise self.refuse
        batch = TelemetryEngine().decode(format)(body, received_ns).metrics
        if batch is None:
            return
        if self.refuse_series in {dict(decode_labels(key))["__name__"] for key in batch.keys}:
            raise InvalidInput("too many series")
        for series, at, value in zip(batch.series.tolist(), batch.times.tolist(), batch.values.tolist(), strict=True):
            stale = struct.pack(">d", value) == STALE_NAN_BITS.to_bytes(8)
            self.samples.append((dict(decode_labels(batch.keys[series])), at, STALE if stale else value))

    def values(self, name: str, **labels: str) -> list[Any]:
        wanted = {"__name__": name} | labels
        return [value for found, _, value in self.samples if wanted.items() <= found.items()]


class Peer:
    """A page of metrics that a test may change; `status` other than 200 makes it fail."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.status = "200 OK"
        self.running = self.most_running = self.requests = 0
        self.delay = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.running += 1
                self.most_running = max(self.running, self.most_running)
                await asyncio.sleep(self.delay)
                body = self.page.encode()
                head = f"HTTP/1.1 {self.status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {len(body)}\r\n\r\n"
                self.running -= 1
                writer.write(head.encode() + body)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


Scene = Callable[[TargetScraper, Peer, DecodingStore, Intake], Coroutine[Any, Any, None]]


def play(page: str, scene: Scene, **settings: Any) -> None:
    """Run a scene with one target and its scraper."""

    async def run() -> None:
        peer, store = Peer(page), DecodingStore()
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        intake = Intake(write=store.write, clock=RealClock(), sources=Sources(counts=Counter()))
        job = ScrapeJob.model_validate({"job": "t", "targets": [address]} | settings)
        fetcher = Fetcher(job)
        try:
            await scene(TargetScraper(targets_of(job)[0][0], job, fetcher, intake), peer, store, intake)
        finally:
            await fetcher.close()
            server.close()

    asyncio.run(run())


def test_page_is_written_with_the_targets_labels_and_a_report() -> None:
    """The report's series are Prometheus's."""

    async def scene(scraper: TargetScraper, _peer: Peer, store: DecodingStore, intake: Intake) -> None:
        await scraper.scrape()
        assert store.values("a", job="t", x="1", zone="z") == [1.0]
        assert store.values("up", job="t") == [1.0]
        assert store.values("scrape_samples_scraped") == [2.0]
        assert store.values("scrape_samples_post_metric_relabeling") == [2.0]
        assert store.values("scrape_series_added") == [2.0]
        assert 0 < store.values("scrape_duration_seconds")[0] < 5
        assert len({at for _, at, _ in store.samples}) == 1
        [row] = intake.sources.rows()
        assert (row.kind, row.samples, row.error, row.interval_seconds) == ("scrape", 2, "", 15.0)

    play('a{x="1"} 1\nb 2\n', scene, labels={"zone": "z"})


def test_series_that_vanish_from_the_page_get_a_staleness_marker_once() -> None:
    """Otherwise a graph would draw them for five more minutes."""

    async def scene(scraper: TargetScraper, peer: Peer, store: DecodingStore, _intake: Intake) -> None:
        await scraper.scrape()
        peer.page = "b 3\nc 4\n"
        await scraper.scrape()
        await scraper.scrape()
        assert store.values("a") == [1.0, STALE]
        assert store.values("b") == [2.0, 3.0, 3.0]
        assert store.values("scrape_series_added") == [2.0, 1.0, 0.0]

    play("a 1\nb 2\n", scene)


def test_failing_target_is_down_and_its_series_end_until_it_returns() -> None:
    """`up` tells what happened."""

    async def scene(scraper: TargetScraper, peer: Peer, store: DecodingStore, intake: Intake) -> None:
        await scraper.scrape()
        peer.status = "500 Broken"
        await scraper.scrape()
        assert "answered 500" in intake.sources.rows()[0].error
        await scraper.scrape()
        peer.status = "200 OK"
        await scraper.scrape()
        assert store.values("a") == [1.0, STALE, 1.0]
        assert store.values("up") == [1.0, 0.0, 0.0, 1.0]
        assert store.values("scrape_series_added") == [1.0, 0.0, 0.0, 1.0]
        assert intake.sources.counts[FAILED_SCRAPES] == 2
        assert intake.sources.rows()[0].error == ""

    play("a 1\n", scene)


@pytest.mark.parametrize(("page", "settings"), [("a 1\nb{ 2\n", {}), ("a 1\nb 2\n", {"sample_limit": 1})])
def test_page_that_is_broken_or_above_the_limit_is_refused_as_a_whole(page: str, settings: dict[str, Any]) -> None:
    """Half a page would look like series that ended."""

    async def scene(scraper: TargetScraper, _peer: Peer, store: DecodingStore, _intake: Intake) -> None:
        await scraper.scrape()
        assert store.values("a") == []
        assert store.values("up") == [0.0]

    play(page, scene, **settings)


def test_target_that_is_removed_ends_with_all_its_series() -> None:
    """The report's series too."""

    async def scene(scraper: TargetScraper, _peer: Peer, store: DecodingStore, intake: Intake) -> None:
        await scraper.scrape()
        await scraper.end()
        assert store.values("a") == store.values("up") == [1.0, STALE]
        assert store.values("scrape_duration_seconds")[1] is STALE
        assert intake.sources.rows() == []

    play("a 1\n", scene)


def test_series_with_times_of_their_own_keep_them_and_get_no_marker() -> None:
    """They end by their own account, as in Prometheus."""

    async def scene(scraper: TargetScraper, peer: Peer, store: DecodingStore, _intake: Intake) -> None:
        await scraper.scrape()
        peer.page = "\n"
        await scraper.scrape()
        assert [(at, value) for labels, at, value in store.samples if labels["__name__"] == "a"] == [(1234567, 1.0)]

    play("a 1 1234567\n", scene)


def test_own_times_and_labels_are_honoured_or_not_as_the_settings_say() -> None:
    """The names follow Prometheus."""

    async def scene(scraper: TargetScraper, _peer: Peer, store: DecodingStore, _intake: Intake) -> None:
        await scraper.scrape()
        [(labels, at, _)] = [sample for sample in store.samples if sample[0]["__name__"] == "a"]
        assert labels["job"] == "mine"
        assert at != 1234567

    play('a{job="mine"} 1 1234567\n', scene, honor_labels=True, honor_timestamps=False)


def test_markers_that_could_not_be_written_follow_later() -> None:
    """The store was full when the series ended."""

    async def scene(scraper: TargetScraper, peer: Peer, store: DecodingStore, intake: Intake) -> None:
        await scraper.scrape()
        peer.page, store.refuse = "b 1\n", Temporary("disk full")
        await scraper.scrape()
        assert intake.sources.rows()[0].error == "disk full"
        store.refuse = None
        await scraper.scrape()
        assert store.values("a") == [1.0, STALE]

    play("a 1\n", scene)


def test_page_that_the_store_refuses_for_good_is_a_failed_scrape() -> None:
    """A full cardinality limit must not make the target vanish."""

    async def scene(scraper: TargetScraper, _peer: Peer, store: DecodingStore, intake: Intake) -> None:
        store.refuse_series = "a"
        await scraper.scrape()
        assert store.values("a") == []
        assert store.values("up") == [0.0]
        assert intake.sources.rows()[0].error == "too many series"

    play("a 1\n", scene)


def test_page_with_an_up_of_its_own_keeps_it() -> None:
    """Some exporters have one; two values at one time would contradict each other."""

    async def scene(scraper: TargetScraper, _peer: Peer, store: DecodingStore, _intake: Intake) -> None:
        await scraper.scrape()
        assert store.values("up") == [7.0]

    play("up 7\n", scene)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - it waits for what another peer does
            await asyncio.sleep(0.01)


def test_slow_target_is_never_scraped_twice_at_once() -> None:
    """A scrape that takes most of the interval delays the next one to its own point in time."""

    async def scene(scraper: TargetScraper, peer: Peer, store: DecodingStore, _intake: Intake) -> None:
        peer.delay = 0.15
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(scraper.run())
            await until(lambda: peer.requests >= 4)
            running.cancel()
        assert peer.most_running == 1
        times = [at for labels, at, _ in store.samples if labels["__name__"] == "up"]
        assert all(later - earlier >= 100 for earlier, later in itertools.pairwise(times))

    play("a 1\n", scene, interval_seconds=0.2, timeout_seconds=0.2)


def test_targets_of_a_file_come_and_go_while_the_platform_runs(tmp_path: Path) -> None:
    """The whole way: file, discovery, scrapes, end."""

    async def run() -> None:
        peer, store = Peer("a 1\n"), DecodingStore()
        server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        path = tmp_path / "targets.json"
        path.write_text(json.dumps([{"targets": [address], "labels": {"__scrape_interval__": "100ms"}}]))
        intake = Intake(write=store.write, clock=QuickClock(), sources=Sources(counts=Counter()))
        settings = SensesSettings(scrape_files=(f"{tmp_path}/*.json",))
        async with asyncio.TaskGroup() as tasks:
            job = tasks.create_task(scrape_targets(intake, jobs_of(settings)))
            await until(lambda: len(store.values("a", job="files", instance=address)) >= 2)
            path.write_text("[]")
            await until(lambda: STALE in store.values("a"))
            job.cancel()
        server.close()
        assert store.values("a").count(STALE) == 1

    class QuickClock(RealClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(min(seconds, 0.1))

    asyncio.run(run())


def test_values_that_are_no_numbers_are_kept() -> None:
    """NaN and infinities are values in this format."""

    async def scene(scraper: TargetScraper, _peer: Peer, store: DecodingStore, _intake: Intake) -> None:
        await scraper.scrape()
        values = store.values("a")
        assert math.isnan(values[0])
        assert values[1:] == [math.inf, -math.inf]

    play('a{x="1"} NaN\na{x="2"} +Inf\na{x="3"} -Inf\n', scene)
