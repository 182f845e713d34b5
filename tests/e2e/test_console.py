"""The live page in a real browser, over a small application that feeds it this machine's own /proc."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from steersman.contract.ports import Caller
from steersman.runtime.clock import SystemClock
from steersman.runtime.console.assets import URL_PREFIX, Assets
from steersman.runtime.console.figures import FORMATS
from steersman.runtime.console.shell import Refusal, Shell
from steersman.services.telemetry.jobs.live import fill, host_facts
from steersman.services.telemetry.jobs.machine import Machine, Place
from steersman.services.telemetry.logic.live import Counters, Feed, Live, SourceRow
from steersman.services.telemetry.web.live import PAGES, stream, view

pytestmark = pytest.mark.needs("chromium")

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SOMEBODY = Caller("somebody", permissions=frozenset({"*"}))
#: What the first page may weigh: HTML, CSS and JavaScript, before compression.
PAGE_BYTES = 120_000


@dataclass(frozen=True)
class Figures:
    series: int = 1_312
    samples_total: int = 4_812_333
    samples_per_second: float = 262.4
    wal_bytes: int = 14_900_000
    head_bytes: int = 22_300_000
    blocks: int = 3
    disk_bytes: int = 9_120_000
    log_lines_total: int = 18_204
    spans_total: int = 0
    oldest_ns: int | None = None
    ready: bool = True
    replay_progress: float = 1.0
    last_checkpoint_age_seconds: float | None = 12.0


def sources(now_ms: int) -> list[SourceRow]:
    return [
        SourceRow(kind="host", name="this machine", samples=412, last_ms=now_ms - 1_000, interval_seconds=5),
        SourceRow(kind="scrape", name="node http://10.0.3.17:9100/metrics", samples=1_204, last_ms=now_ms - 4_000,
                  interval_seconds=15),
        SourceRow(kind="remote write", name="prometheus eu-1", samples=2_000, last_ms=now_ms - 700_000),
        SourceRow(kind="scrape", name="web http://10.0.3.21:8080/metrics", samples=0, last_ms=now_ms - 95_000,
                  interval_seconds=15, error="connection refused"),
        SourceRow(kind="syslog", name="tcp 127.0.0.1:6514", samples=0),
    ]  # fmt: skip


def history(now: Counters, readings: int = 290) -> Iterator[Counters]:
    """Ten minutes of a machine at work, two seconds apart, that end at a real look at this one."""
    cores, at = now.cores, now
    backwards = [now]
    for step in range(readings):
        wave = 1 + math.sin(step / 17) * 0.6 + (step * 7919 % 13) / 20
        cores = tuple(
            replace(core, user=core.user - 0.3 * wave / number, system=core.system - 0.1 * wave,
                    iowait=core.iowait - 0.03, idle=core.idle - 1.5)
            for number, core in enumerate(cores, 1)
        )  # fmt: skip
        at = replace(
            at, time_ms=at.time_ms - 2_000, cores=cores, disk_read=at.disk_read - int(300_000 * wave),
            disk_written=at.disk_written - int(900_000 * wave * wave), net_sent=at.net_sent - int(90_000 * wave),
            net_received=at.net_received - int(310_000 * wave), memory_used=now.memory_used + int((wave + 5) * 5e8),
            memory_available=now.memory_available - int((wave + 5) * 5e8),
        )  # fmt: skip
        backwards.append(at)
    return reversed(backwards)


class Platform:
    """As much of the platform as the page needs, on a port of its own, that can be stopped and started again."""

    def __init__(self, *, sampling: bool = True) -> None:
        self.sampling = sampling
        self.signed_in = True
        self.clock = SystemClock()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.feed = Feed()

    def look(self) -> Counters:
        return Machine(Place()).look(self.clock.wall_ns())

    def _application(self) -> Starlette:
        self.feed = Feed()
        for counters in history(self.look()):
            self.feed.look(counters)
        live = Live(
            host=host_facts(), sources=lambda: sources(self.clock.wall_ns() // 1_000_000), store=Figures, feed=self.feed
        )
        context: Any = SimpleNamespace(
            caller=SOMEBODY, ports=SimpleNamespace(clock=self.clock), state=SimpleNamespace(live=live)
        )
        shell = Shell(PAGES)

        def page(request: Request) -> Response:
            return shell.page(request, SOMEBODY, PAGES[0], view(context))

        async def events(request: Request) -> Response:
            return await stream(context, request) if self.signed_in else JSONResponse({}, 401)

        def overview(_request: Request) -> Response:
            return JSONResponse({}, 200 if self.signed_in else 401)

        @asynccontextmanager
        async def lifespan(_app: Starlette) -> Any:
            async with asyncio.TaskGroup() as tasks:
                sampler = tasks.create_task(fill(self.feed, self.clock)) if self.sampling else None
                yield
                if sampler:
                    sampler.cancel()

        return Starlette(
            routes=[
                Route("/", page),
                Route("/login", lambda request: shell.login(request, refusal=Refusal.TOKEN)),
                Route("/api/telemetry/live/stream", events),
                Route("/api/telemetry/overview", overview),
                Mount(URL_PREFIX, Assets()),
            ],
            lifespan=lifespan,
        )

    def start(self) -> None:
        # The listening socket is open before the thread starts: a browser waits in its queue instead of failing.
        listener = socket.create_server(("127.0.0.1", self.port))
        config = uvicorn.Config(self._application(), log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    @contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    platform = Platform()
    with platform.running():
        yield platform


@dataclass
class Visit:
    """A tab on the page, and everything about it that must not happen."""

    page: Page
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def expect_link(self, state: str) -> None:
        expect(self.page.locator("#link")).to_have_attribute("data-state", state, timeout=20_000)

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()


@contextmanager
def visiting(browser: Browser, url: str, *, faked_time: bool = False, **options: Any) -> Iterator[Visit]:
    with browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US"} | options) as context:
        page = context.new_page()
        visit = Visit(page)
        page.on("request", lambda request: request.url.startswith(url) or visit.elsewhere.append(request.url))
        page.on("console", lambda message: message.type == "error" and visit.complaints.append(message.text))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        if faked_time:
            page.clock.install()
        page.goto(url)
        yield visit


@pytest.mark.requirement("ASVS-14.2.3", "ASVS-3.6.1")
def test_the_page_goes_live_without_a_violation_or_a_request_to_anywhere_else(
    browser: Browser, platform: Platform
) -> None:
    """Neither the page nor uPlot needs inline style or script, and nothing is fetched from elsewhere."""
    with visiting(browser, platform.url) as visit:
        visit.expect_link("live")
        visit.page.hover('live-chart[kind="cpu"]', position={"x": 300, "y": 60})
        expect(visit.page.locator('live-chart[kind="cpu"] .tip')).to_be_visible()
        assert visit.page.locator("live-chart canvas").count() == 4
        assert (visit.elsewhere, visit.complaints) == ([], [])


def test_the_first_answer_has_numbers_and_history_without_any_script(browser: Browser, platform: Platform) -> None:
    """Server-rendered figures stand in the HTML, and the charts' minutes come with it."""
    with visiting(browser, platform.url, java_script_enabled=False) as visit:
        assert visit.texts('[data-value="busy"]')[0].endswith(" %")
        assert all(text.endswith("/s") for text in visit.texts("[data-at-cursor=read], [data-at-cursor=send]"))
        history = json.loads(visit.page.locator("#history").text_content() or "")
        assert len(history["columns"]["t"]) > 200


def test_readings_go_on_arriving_and_the_sampling_calms_down_afterwards(browser: Browser, platform: Platform) -> None:
    """The time of the newest reading moves while somebody watches; nobody is counted as a watcher after leaving."""
    with visiting(browser, platform.url) as visit:
        visit.expect_link("live")
        first = visit.page.locator("#link").get_attribute("title")
        expect(visit.page.locator("#link")).not_to_have_attribute("title", first or "", timeout=5_000)
        assert platform.feed.watched
    give_up = platform.clock.monotonic() + 10
    while platform.feed.watched and platform.clock.monotonic() < give_up:
        threading.Event().wait(0.02)
    assert not platform.feed.watched


def test_a_platform_that_stops_is_announced_and_one_that_starts_again_is_found(browser: Browser) -> None:
    """The notice tells since when; the page becomes live again without being reloaded."""
    platform = Platform()
    with platform.running(), visiting(browser, platform.url) as visit:
        visit.expect_link("live")
        platform.stop()
        visit.expect_link("down")
        expect(visit.page.locator("#notice")).to_contain_text("has not answered since")
        platform.start()
        visit.expect_link("live")
        expect(visit.page.locator("#notice")).to_be_hidden()


def test_an_expired_session_is_told_apart_from_a_platform_that_is_down(browser: Browser) -> None:
    """A 401 behind the broken stream asks for a new sign-in and ends the attempts."""
    platform = Platform()
    with platform.running(), visiting(browser, platform.url) as visit:
        visit.expect_link("live")
        platform.signed_in = False
        visit.page.reload()
        visit.expect_link("signed-out")
        expect(visit.page.locator("#notice")).to_contain_text("sign in again")


def test_a_stream_without_readings_is_called_stale(browser: Browser) -> None:
    """An open connection is not enough: nine seconds without a reading are announced."""
    platform = Platform(sampling=False)
    with platform.running(), visiting(browser, platform.url, faked_time=True) as visit:
        visit.expect_link("live")
        visit.page.clock.fast_forward(11_000)
        visit.expect_link("stale")
        expect(visit.page.locator("#notice")).to_contain_text("has sent no reading since")


def test_the_first_page_is_light_and_quick(browser: Browser, platform: Platform) -> None:
    """HTML, CSS and JavaScript stay under 120 KB before compression, and the first paint under 300 ms."""
    with visiting(browser, platform.url) as visit:
        visit.expect_link("live")
        weights = visit.page.evaluate(
            """() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
                   .filter(entry => !entry.name.includes("/api/")).map(entry => [entry.name, entry.decodedBodySize])"""
        )
        assert len(weights) > 8
        assert sum(size for _, size in weights) < PAGE_BYTES, weights
        visit.page.reload()
        visit.expect_link("live")
        painted = visit.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        assert painted < 300


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_cut_off_at_the_side(browser: Browser, platform: Platform, width: int) -> None:
    """A phone, a tablet and a desk: the page scrolls down only."""
    with visiting(browser, platform.url, viewport={"width": width, "height": 780}) as visit:
        visit.expect_link("live")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_language_follows_the_browser_until_somebody_chooses(browser: Browser, platform: Platform) -> None:
    """Chinese by Accept-Language, English by the switch, and English again on the next visit."""
    with visiting(browser, platform.url, locale="zh-CN") as visit:
        assert visit.texts("#h-cpu") == ["处理器"]
        visit.page.get_by_role("link", name="English").click()
        assert visit.texts("#h-cpu") == ["CPU"]
        visit.page.goto(platform.url)
        assert visit.texts("#h-cpu") == ["CPU"]


def test_a_chosen_theme_is_there_before_the_first_paint_of_the_next_visit(browser: Browser, platform: Platform) -> None:
    """The switch goes from automatic to light to dark, and the browser remembers."""
    with visiting(browser, platform.url, color_scheme="light") as visit:
        body = "getComputedStyle(document.body).backgroundColor"
        light = visit.page.evaluate(body)
        visit.page.locator("#theme").click(click_count=2)
        dark = visit.page.evaluate(body)
        visit.page.reload()
        assert visit.page.evaluate(body) == dark != light


def test_the_arrow_keys_read_single_values(browser: Browser, platform: Platform) -> None:
    """Without a pointer, a focused chart shows one reading after the other, and its time on top of the page."""
    with visiting(browser, platform.url) as visit:
        visit.expect_link("live")
        visit.page.focus('live-chart[kind="network"]')
        visit.page.keyboard.press("ArrowLeft")
        visit.page.keyboard.press("ArrowLeft")
        expect(visit.page.locator('live-chart[kind="network"] .tip')).to_contain_text("Received")
        assert visit.texts("#when")[0].count(":") == 2
        visit.page.keyboard.press("Escape")
        assert visit.texts("#when") == [""]


def test_snippets_name_the_address_that_the_page_was_reached_at(browser: Browser, platform: Platform) -> None:
    """What is copied works from where the reader sits."""
    with visiting(browser, platform.url) as visit:
        assert set(visit.texts("[data-origin]") or ["none"]) <= {platform.url, ""}
        snippet = visit.page.locator("#snippet-prometheus").text_content() or ""
        assert f"url: {platform.url}/api/v1/write" in snippet


def test_server_and_browser_write_figures_alike(browser: Browser, platform: Platform) -> None:
    """The first number is the server's, every later one the browser's: nobody may see the change."""
    values = [0, 0.04, 0.05, 0.95, 1, 9.96, 99.94, 99.96, 999.4, 1000, 1023, 1024, 1536, 9999, 10_000, 99_949,
              999_500, 1_048_575, 1_048_576, 123_456_789, 2**40, 2**50 * 1.5, 59, 60, 61, 3_600, 86_400, 90_061]  # fmt: skip
    names = {"bytes": "bytes", "rate": "rate", "percent": "percent", "count": "count", "per_second": "perSecond",
             "age": "age"}  # fmt: skip
    with visiting(browser, platform.url) as visit:
        for kind, name in names.items():
            script = f"async values => {{ const m = await import('/static/figures.js'); return values.map(m.{name}) }}"
            assert visit.page.evaluate(script, [*values, None]) == [FORMATS[kind](value) for value in [*values, None]]
