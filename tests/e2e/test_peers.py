"""Real peers: a Debian Prometheus and the official OpenTelemetry SDK send, and what they hold is what is read back."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from steersman.runtime.clock import SystemClock
from steersman.services.telemetry.commands.bench.query import normal_form
from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, Recipe, System, free_port, query_data
from steersman.services.telemetry.commands.bench.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def platform() -> Iterator[System]:
    with System(STEERSMAN) as system:
        yield system


def prometheus_recipe(platform: System, exporter: int) -> Recipe:
    """Scrapes a node_exporter, itself and the platform each second, and writes everything to the platform."""
    address = f"127.0.0.1:{platform.port}"
    authorization = {"authorization": {"credentials": TOKEN}}

    def command(folder: Path, port: int) -> list[str]:
        jobs = {"node": exporter, "prometheus": port, "steersman": platform.port}
        scrapes = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{target}"]}], **authorization}
            for job, target in jobs.items()
        ]
        write = {
            "url": f"http://{address}/api/v1/write",
            "queue_config": {"batch_send_deadline": "200ms"},
            "metadata_config": {"send_interval": "1s"},
            **authorization,
        }
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": scrapes, "remote_write": [write]}
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        return [
            str(shutil.which("prometheus")),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]

    return Recipe("prometheus", command, "/-/ready", lambda: "")


@contextmanager
def node_exporter() -> Iterator[int]:
    port = free_port()
    program = str(shutil.which("prometheus-node-exporter"))
    process = subprocess.Popen(
        [program, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def prometheus(platform: System) -> Iterator[System]:
    with node_exporter() as exporter, System(prometheus_recipe(platform, exporter)) as system:
        yield system


def now() -> float:
    return SystemClock().wall_ns() / 1e9


def has_scraped(prometheus: System, job: str, count: int) -> bool:
    found = query_data(prometheus, "/api/v1/query", query=f'count_over_time(up{{job="{job}"}}[1m])')["result"]
    return bool(found) and int(found[0]["value"][1]) >= count


def samples(system: System, selector: str, at: float):
    status, body = system.get("/api/v1/query", query=selector, time=at)
    assert status == 200, body
    return normal_form(body)


@pytest.mark.needs("prometheus", "node_exporter")
def test_what_a_real_prometheus_writes_is_what_it_holds_itself(platform: System, prometheus: System):
    wait_until(lambda: has_scraped(prometheus, "node", 8), 60, "there are eight scrapes")
    end = now()
    wait_until(lambda: bool(samples(platform, 'up{job="node"}[1s]', now() - 1)), 30, "a later scrape has arrived")
    wait_until(lambda: len(samples(platform, 'up{job="node"}[1s]', end + 3)) > 0, 30, "all before it has arrived")
    for job in ("node", "prometheus"):
        sent = samples(prometheus, f'{{job="{job}"}}[6s]', end)
        assert len(sent) > 300
        assert samples(platform, f'{{job="{job}"}}[6s]', end) == sent


@pytest.mark.needs("prometheus", "node_exporter")
def test_series_labels_and_metadata_of_a_real_prometheus_are_known(platform: System, prometheus: System):
    wait_until(lambda: has_scraped(prometheus, "node", 3), 60, "there are three scrapes")
    named = {"match[]": 'node_load1{job="node"}'}
    wait_until(lambda: bool(query_data(platform, "/api/v1/series", **named)), 30, "the series is known")
    assert query_data(platform, "/api/v1/series", **named) == query_data(prometheus, "/api/v1/series", **named)
    jobs = set(query_data(platform, "/api/v1/label/job/values"))
    assert {"node", "prometheus", "steersman"} <= jobs
    families = {"metric": "node_load1"}
    wait_until(lambda: "node_load1" in query_data(platform, "/api/v1/metadata", **families), 30, "metadata has arrived")
    sent = query_data(prometheus, "/api/v1/metadata", **families)["node_load1"]
    assert query_data(platform, "/api/v1/metadata", **families)["node_load1"] == sent


@pytest.mark.needs("prometheus", "node_exporter")
def test_a_real_prometheus_scrapes_the_platform_s_own_metrics(platform: System, prometheus: System):
    wait_until(lambda: has_scraped(prometheus, "steersman", 3), 60, "there are three scrapes")
    up = query_data(prometheus, "/api/v1/query", query='up{job="steersman"}')["result"]
    assert [one["value"][1] for one in up] == ["1"]
    own = query_data(prometheus, "/api/v1/query", query='steersman_store_samples_total{job="steersman"}')["result"]
    assert float(own[0]["value"][1]) > 0


@pytest.mark.needs("promtool")
def test_promtool_has_nothing_to_say_about_the_platform_s_metrics(platform: System):
    status, text = platform.get("/metrics")
    assert status == 200
    done = subprocess.run(
        [str(shutil.which("promtool")), "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


RESOURCE = Resource.create({"service.name": "otel-peer", "host.name": "peer-1"})
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def endpoint(platform: System, signal: str) -> str:
    return f"http://127.0.0.1:{platform.port}/v1/{signal}"


def test_spans_of_the_official_sdk_are_read_back_as_the_sdk_holds_them(platform: System):
    held = InMemorySpanExporter()
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(held))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint(platform, "traces"), headers=HEADERS)))
    tracer = provider.get_tracer("peer")
    pay = tracer.start_as_current_span("pay")
    with tracer.start_as_current_span("checkout", attributes={"order.id": 4711}) as outer, pay as inner:
        inner.add_event("card declined", {"code": "51"})
        inner.record_exception(ValueError("no funds"))
    provider.shutdown()
    trace_id = f"{outer.get_span_context().trace_id:032x}"
    status, body = platform.get(f"/api/traces/{trace_id}")
    assert status == 200, body
    stored = {span["span_id"]: span for span in json.loads(body)["spans"]}
    for span in held.get_finished_spans():
        found = stored[f"{span.context.span_id:016x}"]
        assert (found["name"], found["service"]) == (span.name, "otel-peer")
        assert found["start_ns"] == span.start_time
        assert found["duration_ns"] == span.end_time - span.start_time
        assert found["parent_id"] == (f"{span.parent.span_id:016x}" if span.parent else "")
        assert {name: found["attributes"][name] for name in span.attributes} == dict(span.attributes)
        assert [event["name"] for event in found["events"]] == [event.name for event in span.events]
    assert len(stored) == 2


def test_log_records_of_the_official_sdk_are_found_by_search(platform: System):
    held = InMemoryLogRecordExporter()
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(SimpleLogRecordProcessor(held))
    provider.add_log_record_processor(
        SimpleLogRecordProcessor(OTLPLogExporter(endpoint(platform, "logs"), headers=HEADERS))
    )
    logger = provider.get_logger("peer")
    time_ns = SystemClock().wall_ns()
    for severity, body, attributes in (
        (SeverityNumber.WARN, "volume zeta is nearly full", {"percent": 91}),
        (SeverityNumber.ERROR, "volume zeta is full", {}),
    ):
        logger.emit(timestamp=time_ns, severity_number=severity, body=body, attributes=attributes)
    provider.shutdown()
    status, body = platform.get("/api/logs/search", query="service:otel-peer volume zeta", limit=10)
    assert status == 200, body
    found = sorted((row["time_ns"], row["body"], row["severity"]) for row in json.loads(body)["rows"])
    records = [one.log_record for one in held.get_finished_logs()]
    assert found == sorted((one.timestamp, one.body, one.severity_number.value) for one in records)
    status, body = platform.get("/api/logs/search", query="percent=91 severity>=warn", limit=10)
    assert [row["body"] for row in json.loads(body)["rows"]] == ["volume zeta is nearly full"]


def test_metrics_of_the_official_sdk_are_read_back_as_the_sdk_holds_them(platform: System):
    held = InMemoryMetricReader()
    exporter = OTLPMetricExporter(endpoint(platform, "metrics"), headers=HEADERS)
    exporting = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([held, exporting], resource=RESOURCE)
    meter = provider.get_meter("peer")
    meter.create_counter("peer.orders", unit="{order}").add(7, {"shop": "east"})
    duration = meter.create_histogram("peer.duration", unit="s")
    for seconds in (0.2, 0.7, 30.0):
        duration.record(seconds, {"shop": "east"})
    meter.create_up_down_counter("peer.queue").add(-3)
    kept = held.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    provider.force_flush()
    provider.shutdown()
    points = {metric.name: metric.data.data_points[0] for metric in kept}

    def value(selector: str) -> float:
        found = query_data(platform, "/api/v1/query", query=selector)["result"]
        assert len(found) == 1, (selector, found)
        return float(found[0]["value"][1])

    assert value('peer_orders_total{shop="east"}') == points["peer.orders"].value == 7
    assert value("peer_queue") == points["peer.queue"].value == -3
    assert value("peer_duration_seconds_count") == points["peer.duration"].count == 3
    assert value("peer_duration_seconds_sum") == pytest.approx(points["peer.duration"].sum)
    assert value('peer_duration_seconds_bucket{le="+Inf"}') == 3
    buckets = query_data(platform, "/api/v1/query", query="peer_duration_seconds_bucket")["result"]
    assert len(buckets) == len(points["peer.duration"].bucket_counts)


_CALL = re.compile(r"\b(connect|sendto|sendmsg|sendmmsg)\(")
_REMOTE = re.compile(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"')


def remote_addresses(trace: str) -> set[str]:
    """The addresses of every network call in the output of strace that are not this machine's own."""
    addresses = {found[1] for line in trace.splitlines() if _CALL.search(line) and (found := _REMOTE.search(line))}
    return {one for one in addresses if not one.startswith("127.") and one not in {"::1", "::", "0.0.0.0"}}


def test_a_call_to_another_machine_would_be_seen():
    trace = (
        '12 connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("93.184.216.34")}, 16) = -1\n'
        "12 connect(5, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "2606:2800::1", &sin6_addr), sin6_scope_id=0}, 28) = -1\n'
        '12 sendto(5, "q", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}, 16) = 1\n'
        '12 connect(5, {sa_family=AF_INET, sin_port=htons(7600), sin_addr=inet_addr("127.0.0.1")}, 16) = 0\n'
        '12 connect(5, {sa_family=AF_UNIX, sun_path="/run/x"}, 110) = -1\n'
    )
    assert remote_addresses(trace) == {"93.184.216.34", "2606:2800::1", "10.0.0.2"}


@pytest.mark.needs("strace", "network-namespaces")
def test_an_idle_platform_calls_nobody(tmp_path: Path):
    """In a network namespace with nothing but loopback, every attempt to reach out is in the trace."""
    port, trace, output = free_port(), tmp_path / "trace", tmp_path / "output.log"
    served = f"{sys.executable} -m steersman.cli up --data {tmp_path / 'data'} --listen 127.0.0.1:{port}"
    traced = f"exec strace -f -e trace=connect,sendto,sendmsg,sendmmsg -o {trace} {served}"
    answers = f"curl -s -o /dev/null --fail http://127.0.0.1:{port}/readyz"
    with output.open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", f"ip link set lo up; {traced}"],
            stdout=log,
            stderr=log,
            env={**os.environ, "STEERSMAN_BOOTSTRAP_TOKEN": TOKEN},
            start_new_session=True,
        )
    try:
        inside = ["nsenter", "-t", str(process.pid), "-n", "sh", "-c", answers]
        wait_until(lambda: subprocess.run(inside, check=False).returncode == 0, 60, "the platform is ready")
        # Long enough for every job to have had its turn: checkpoints, host readings, upkeep.
        wait_until(lambda: _age(trace) > 25, 60, "25 seconds have passed")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(15)
    text = trace.read_text(errors="replace")
    assert "+++ exited with 0 +++" in text, output.read_text()
    assert remote_addresses(text) == set()


def _age(path: Path) -> float:
    """Seconds since the trace was begun: the inode's birth is not portable, the folder's first entry is."""
    return now() - path.parent.joinpath("data").stat().st_ctime if path.exists() else 0.0
