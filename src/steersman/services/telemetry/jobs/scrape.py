"""Scrapes targets: each on its own grid in time, one at a time, for as long as settings or files name it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace

from steersman.engine.decode import exposition
from steersman.engine.decode import readings as wire
from steersman.model.errors import SteersmanError
from steersman.model.telemetry import WireFormat
from steersman.services.telemetry.jobs.fetch import Fetcher, Page
from steersman.services.telemetry.jobs.sources import Intake, Source
from steersman.services.telemetry.jobs.target_files import TargetFiles
from steersman.services.telemetry.logic.discovery import Target, targets_of
from steersman.services.telemetry.logic.schedule import aligned, delay, offset_seconds
from steersman.services.telemetry.logic.scraped import (
    NOTHING,
    REPORT_METADATA,
    Content,
    content_of,
    own_keys,
    report,
)
from steersman.services.telemetry.model import ScrapeJob, SensesSettings

#: How often the target files are looked at; Prometheus is told of changes and is as quick.
REFRESH_SECONDS = 5.0

#: Counted in `Sources.counts`.
SCRAPES = "scrapes"
FAILED_SCRAPES = "scrapes_failed"

#: Targets that files name at the top of the section, without a job of their own, belong to this one.
FILES_JOB = "files"

_NS = 1_000_000_000
_NS_PER_MS = 1_000_000


class TargetScraper:
    """One target: what it had at the last scrape, and how to scrape it again."""

    def __init__(self, target: Target, job: ScrapeJob, fetcher: Fetcher, intake: Intake) -> None:
        self._target = target
        self._job = job
        self._fetcher = fetcher
        self._intake = intake
        self._source = Source("scrape", f"{target.job} {target.url}", target.interval_seconds)
        self._before = NOTHING
        self._offset = offset_seconds(f"{target.url} {target.labels}", target.interval_seconds)

    async def run(self) -> None:
        """Scrape for ever. A scrape that takes long makes the next one wait for its point in time."""
        clock, interval = self._intake.clock, self._target.interval_seconds
        began = -math.inf
        while True:
            wall = clock.wall_ns() / _NS
            await clock.sleep(delay(wall, clock.monotonic() - began, interval, self._offset))
            began = clock.monotonic()
            await self.scrape()

    async def scrape(self) -> None:
        """Scrape once and write the page, the report and what ended."""
        started, now_ns = self._intake.clock.monotonic(), self._intake.clock.wall_ns()
        time_ms = round(aligned(now_ns / _NS, self._target.interval_seconds, self._offset) * 1000)
        self._intake.sources.counts[SCRAPES] += 1
        content, scraped, error = NOTHING, 0, ""
        try:
            page = await self._fetcher.fetch(self._target)
            content = await self._take_in(page, time_ms, now_ns)
            scraped = content.samples
        except SteersmanError as problem:
            error = problem.message
        seconds = self._intake.clock.monotonic() - started
        samples = report(
            self._target.labels,
            healthy=not error,
            seconds=seconds,
            scraped=scraped,
            content=content,
            before=self._before,
        )
        unwritten = await self._record(time_ms, samples, self._before.present - content.present, now_ns)
        # Markers that could not be written are owed: they go with the next report.
        self._before = replace(content, present=content.present | self._before.present) if unwritten else content
        self._note(unwritten or error, now_ns, content)

    async def end(self) -> None:
        """Mark every series of a target that was removed as ended."""
        now_ns = self._intake.clock.wall_ns()
        ended = self._before.present | own_keys(self._target.labels)
        await self._record(now_ns // _NS_PER_MS, {}, ended, now_ns)
        self._intake.sources.gone(self._source)

    async def _take_in(self, page: Page, time_ms: int, now_ns: int) -> Content:
        body = exposition.pack(
            page.body,
            content_type=page.content_type,
            labels=self._target.labels,
            time_ms=time_ms,
            honor_labels=self._job.honor_labels,
            honor_timestamps=self._job.honor_timestamps,
        )
        # A large page takes long to read, and others wait for the loop.
        decoded = await asyncio.to_thread(exposition.decode, body, now_ns)
        content = content_of(decoded, time_ms, self._job.sample_limit)
        await self._intake.write(WireFormat.EXPOSITION, self._intake.tenant, body, now_ns)
        return content

    async def _record(self, time_ms: int, samples: dict[bytes, float], ended: frozenset[bytes], now_ns: int) -> str:
        """Write the platform's own samples about the target; return what went wrong."""
        body = wire.pack(time_ms=time_ms, samples=samples, ended=ended, metadata=REPORT_METADATA)
        try:
            await self._intake.write(WireFormat.READINGS, self._intake.tenant, body, now_ns)
        except SteersmanError as error:
            return error.message
        return ""

    def _note(self, error: str, now_ns: int, content: Content) -> None:
        if error:
            self._intake.sources.counts[FAILED_SCRAPES] += 1
            self._intake.sources.failed(self._source, error)
        else:
            self._intake.sources.seen(self._source, now_ns, content.samples)


class Crew:
    """The scrapers of one job. Each runs as a task of its own; a target that is named no more ends for good."""

    def __init__(self, job: ScrapeJob, intake: Intake) -> None:
        self._job = job
        self._intake = intake
        self._files = TargetFiles(job.files, intake)
        self._fetcher = Fetcher(job)
        self._scrapers: dict[Target, tuple[TargetScraper, asyncio.Task[None]]] = {}
        self._source = Source("targets", f"job {job.job}")

    async def close(self) -> None:
        await self._fetcher.close()

    async def refresh(self, tasks: asyncio.TaskGroup) -> None:
        """Start and end scrapers, so that they are those of the targets that are named now."""
        targets, errors = targets_of(self._job, await asyncio.to_thread(self._files.groups))
        self._report(errors)
        for target in self._scrapers.keys() - set(targets):
            await self._end(*self._scrapers.pop(target))
        for target in targets:
            if target not in self._scrapers:
                scraper = TargetScraper(target, self._job, self._fetcher, self._intake)
                self._scrapers[target] = scraper, tasks.create_task(scraper.run(), name=f"scrape {target.url}")

    async def _end(self, scraper: TargetScraper, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task])
        await scraper.end()

    def _report(self, errors: list[str]) -> None:
        if errors:
            self._intake.sources.failed(self._source, "; ".join(errors))
        else:
            self._intake.sources.gone(self._source)


def jobs_of(settings: SensesSettings) -> list[ScrapeJob]:
    if not settings.scrape_files:
        return list(settings.scrape)
    return [*settings.scrape, ScrapeJob(job=FILES_JOB, files=settings.scrape_files)]


async def scrape_targets(intake: Intake, jobs: Sequence[ScrapeJob]) -> None:
    """Scrape the targets of these jobs, for ever."""
    crews = [Crew(job, intake) for job in jobs]
    try:
        async with asyncio.TaskGroup() as tasks:
            while True:
                for crew in crews:
                    await crew.refresh(tasks)
                await intake.clock.sleep(REFRESH_SECONDS)
    finally:
        for crew in crews:
            await crew.close()
