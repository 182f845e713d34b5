"""Scrapes targets: each on its own grid in time, one at a time, for as long as settings or files name it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from steersman.engine.decode import exposition
from steersman.model.errors import SteersmanError, Temporary
from steersman.model.telemetry import WireFormat
from steersman.services.telemetry.jobs.fetch import Fetcher, Page
from steersman.services.telemetry.jobs.sources import Intake, Source
from steersman.services.telemetry.jobs.target_files import TargetFiles
from steersman.services.telemetry.logic.discovery import Target, targets_of
from steersman.services.telemetry.logic.markers import describing, ended
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
#: Targets that were removed while the store took nothing, so that their series end without a marker.
LOST_ENDS = "scrape_ends_lost"

#: Targets that files name at the top of the section, without a job of their own, belong to this one.
FILES_JOB = "files"

_NO_PAGE = Page(b"", "text/plain")
_NS = 1_000_000_000
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one scrape brought; `error` is empty when it went well."""

    page: Page
    content: Content
    time_ms: int
    seconds: float
    error: str


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
            await clock.sleep(delay(self._wall(), clock.monotonic() - began, interval, self._offset))
            began = clock.monotonic()
            await self.scrape()

    async def scrape(self) -> None:
        """Scrape once and write the page with the report, then what ended."""
        started = self._intake.clock.monotonic()
        time_ms = round(aligned(self._wall(), self._target.interval_seconds, self._offset) * 1000)
        self._intake.sources.counts[SCRAPES] += 1
        page, content, error = _NO_PAGE, NOTHING, ""
        try:
            page = await self._fetcher.fetch(self._target)
            # A large page takes long to read, and others wait for the loop.
            decoded = await asyncio.to_thread(exposition.decode, self._pack(page, ()), time_ms * _NS_PER_MS)
            content = content_of(decoded, time_ms, self._job.sample_limit)
        except SteersmanError as problem:
            page, error = _NO_PAGE, problem.message
        seconds = self._intake.clock.monotonic() - started
        await self._keep(_Outcome(page, content, time_ms, seconds, error))

    async def end(self) -> None:
        """Mark every series of a target that was removed as ended."""
        time_ms = self._intake.clock.wall_ns() // _NS_PER_MS
        try:
            await self._write(
                WireFormat.READINGS, ended(self._before.present | own_keys(self._target.labels), time_ms), time_ms
            )
        except SteersmanError:
            self._intake.sources.counts[LOST_ENDS] += 1
        self._intake.sources.gone(self._source)

    async def _keep(self, outcome: _Outcome) -> None:
        """Write a scrape. Markers that cannot be written now are owed: they go with the next scrape."""
        content, error = outcome.content, outcome.error
        gone = self._before.present - content.present
        try:
            await self._write(WireFormat.EXPOSITION, self._pack(outcome.page, self._report(outcome)), outcome.time_ms)
            if gone:
                await self._write(WireFormat.READINGS, ended(gone, outcome.time_ms), outcome.time_ms)
            self._before = content
        except SteersmanError as problem:
            if not error and not isinstance(problem, Temporary):
                # A page that the store refuses for good is a failed scrape, and that has to be told.
                return await self._keep(replace(outcome, page=_NO_PAGE, content=NOTHING, error=problem.message))
            self._before = replace(content, present=content.present | gone)
            error = problem.message
        return self._note(error, outcome.time_ms * _NS_PER_MS, content)

    def _report(self, outcome: _Outcome) -> list[tuple[str, float]]:
        return report(
            self._target.labels,
            healthy=not outcome.error,
            seconds=outcome.seconds,
            content=outcome.content,
            before=self._before,
        )

    def _wall(self) -> float:
        return self._intake.clock.wall_ns() / _NS

    def _pack(self, page: Page, samples: Sequence[tuple[str, float]]) -> bytes:
        return exposition.pack(
            content_type=page.content_type,
            target_labels=self._target.labels,
            honor_labels=self._job.honor_labels,
            honor_timestamps=self._job.honor_timestamps,
            extra_samples=samples,
            body=page.body,
        )

    async def _write(self, format: WireFormat, body: bytes, time_ms: int) -> None:
        await self._intake.write(format, self._intake.tenant, body, time_ms * _NS_PER_MS)

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
        await _describe_reports(intake)
        async with asyncio.TaskGroup() as tasks:
            while True:
                for crew in crews:
                    await crew.refresh(tasks)
                await intake.clock.sleep(REFRESH_SECONDS)
    finally:
        for crew in crews:
            await crew.close()


async def _describe_reports(intake: Intake) -> None:
    """Say what the scrapers' own metrics are. If the store cannot take that now, their samples say enough."""
    with suppress(Temporary):
        await intake.write(WireFormat.EXPOSITION, intake.tenant, describing(REPORT_METADATA), intake.clock.wall_ns())
