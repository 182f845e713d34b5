"""Our scraper and a real Prometheus scrape the same page, and have to see the same series."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from steersman.engine.telemetry import TelemetryEngine
from steersman.model.ids import Tenant
from steersman.model.labels import decode_labels
from steersman.model.telemetry import STALE_NAN_BITS, WireFormat
from steersman.services.telemetry.jobs.fetch import Fetcher
from steersman.services.telemetry.jobs.scrape import TargetScraper
from steersman.services.telemetry.jobs.sources import Intake, Sources
from steersman.services.telemetry.logic.discovery import targets_of
from steersman.services.telemetry.model import ScrapeJob

# Prometheus takes five seconds to begin with a target.
pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.slow]

TEXT = r"""# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",path="/a\"b\\c\nd"} 1027
requests_total{code="500",path=""} 3.5e-3
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 4
latency_seconds_bucket{le="+Inf"} 5
latency_seconds_sum 1.5
latency_seconds_count 5
# TYPE rpc summary
rpc{quantile="0.5"} NaN
rpc_sum 17
rpc_count 26
clash{job="theirs",instance="theirs",zone="theirs",exported_zone="taken"} 1
# a comment

untyped_value   -Inf
unicode{name="грüße 🚢"} 1
vanishing 1
"""
TEXT_LATER = TEXT.replace("vanishing 1\n", "").replace("1027", "1028")
OPEN_METRICS = """# TYPE requests counter
# HELP requests Requests.
requests_total{code="200"} 10 # {trace_id="abc"} 0.5
requests_created{code="200"} 1700000000
# TYPE build info
build_info{version="1"} 1
# TYPE mode stateset
mode{mode="on"} 1
mode{mode="off"} 0
# TYPE size_bytes gauge
# UNIT size_bytes bytes
size_bytes 1e3
vanishing 1
# EOF
"""
OPEN_METRICS_LATER = OPEN_METRICS.replace("vanishing 1\n", "")
CONTENT_TYPES = {TEXT: "text/plain; version=0.0.4; charset=utf-8"} | dict.fromkeys(
    (OPEN_METRICS, OPEN_METRICS_LATER), "application/openmetrics-text; version=1.0.0; charset=utf-8"
)
MEASURED = "scrape_duration_seconds"
Series = dict[frozenset[tuple[str, str]], str]


@contextmanager
def serving(page: list[str]) -> Iterator[str]:
    """Serve `page[0]`, which a test may replace."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page[0].encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPES.get(page[0], CONTENT_TYPES[TEXT]))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def config(target: str, *, honor_labels: bool) -> str:
    return json.dumps(
        {
            "scrape_configs": [
                {
                    "job_name": "t",
                    "scrape_interval": "200ms",
                    "scrape_timeout": "200ms",
                    "honor_labels": honor_labels,
                    "static_configs": [{"targets": [target], "labels": {"zone": "z"}}],
                }
            ]
        }
    )


@contextmanager
def prometheus(folder: Path, settings: str) -> Iterator[str]:
    (folder / "prometheus.yml").write_text(settings)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={address}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        process.kill()
        process.wait()


def their_series(address: str) -> Series:
    query = urllib.parse.urlencode({"query": '{__name__=~".+",__name__!="scrape_series_added"}'})
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/query?{query}") as answer:
            result = json.load(answer)["data"]["result"]
    except urllib.error.URLError:
        return {}
    return {frozenset(entry["metric"].items()): number(float(entry["value"][1])) for entry in result}


def number(value: float) -> str:
    return "NaN" if math.isnan(value) else repr(value)


class LatestValues:
    """The newest value of each series that has not ended."""

    def __init__(self) -> None:
        self.series: Series = {}

    async def write(self, format: WireFormat, _tenant: Tenant, body: bytes, received_ns: int) -> None:
        batch = TelemetryEngine().decode(format)(body, received_ns).metrics
        if batch is None:
            return
        for series, value in zip(batch.series.tolist(), batch.values.tolist(), strict=True):
            labels = frozenset(decode_labels(batch.keys[series]))
            if struct.pack(">d", value) == STALE_NAN_BITS.to_bytes(8):
                del self.series[labels]
            else:
                self.series[labels] = number(value)


class RealClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def our_series(target: str, page: list[str], pages: list[str], *, honor_labels: bool) -> list[Series]:
    """Scrape each page once, one after the other, and return what there is after each."""

    async def run() -> list[Series]:
        store, seen = LatestValues(), []
        intake = Intake(write=store.write, clock=RealClock(), sources=Sources(counts=Counter()))
        job = ScrapeJob(job="t", targets=(target,), labels={"zone": "z"}, honor_labels=honor_labels)
        fetcher = Fetcher(job)
        scraper = TargetScraper(targets_of(job)[0][0], job, fetcher, intake)
        for text in pages:
            page[0] = text
            await scraper.scrape()
            seen.append(dict(store.series))
        await fetcher.close()
        return seen

    return asyncio.run(run())


def comparable(series: Series) -> Series:
    """Without what differs by the time that a scrape took, and without how many series were new."""
    return {
        labels: "measured" if ("__name__", MEASURED) in labels else value
        for labels, value in series.items()
        if ("__name__", "scrape_series_added") not in labels
    }


@pytest.mark.parametrize("honor_labels", [False, True])
@pytest.mark.parametrize("pages", [[TEXT, TEXT_LATER], [OPEN_METRICS, OPEN_METRICS_LATER]], ids=["text", "openmetrics"])
def test_prometheus_has_the_same_series_labels_and_values(pages: list[str], honor_labels: bool, tmp_path: Path) -> None:
    """Before and after a series has vanished from the page."""
    page = [pages[0]]
    with serving(page) as target:
        expected = [comparable(series) for series in our_series(target, page, pages, honor_labels=honor_labels)]
        page[0] = pages[0]
        with prometheus(tmp_path, config(target, honor_labels=honor_labels)) as address:
            for text, ours in zip(pages, expected, strict=True):
                page[0] = text
                deadline = time.monotonic() + 20
                while (theirs := comparable(their_series(address))) != ours and time.monotonic() < deadline:
                    time.sleep(0.1)
                assert theirs == ours
