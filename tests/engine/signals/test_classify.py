"""What a series is, by the conventions of those who name them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.signals.classify import classify, outcome
from steersman.engine.signals.terms import Classified, Judgement, Reading, Role
from steersman.model.findings import Aspect
from steersman.model.labels import canonical


def series(name: str, **labels: str) -> Classified:
    return classify(canonical({"__name__": name, **labels}))


#: Names from the documentation of the Prometheus clients, node_exporter, OpenTelemetry, HikariCP, kube-state-metrics.
KNOWN = [
    ("http_requests_total", {"code": "500"}, Aspect.TRAFFIC, "http_requests:rate"),
    ("grpc_server_handled_total", {"grpc_code": "OK"}, Aspect.TRAFFIC, "grpc_server_handled:rate"),
    ("http_request_duration_seconds_sum", {}, Aspect.LATENCY, "http_request_duration_seconds:mean"),
    ("http_server_request_duration_seconds_count", {}, Aspect.LATENCY, "http_server_request_duration_seconds:mean"),
    ("rpc_client_duration_milliseconds_sum", {}, Aspect.LATENCY, "rpc_client_duration_milliseconds:mean"),
    ("process_cpu_seconds_total", {}, Aspect.CPU, "process_cpu_seconds:rate"),
    ("container_cpu_usage_seconds_total", {}, Aspect.CPU, "container_cpu_usage_seconds:rate"),
    ("node_cpu_seconds_total", {"mode": "idle"}, Aspect.CPU, "node_cpu:busy"),
    ("process_resident_memory_bytes", {}, Aspect.MEMORY, "process_resident_memory_bytes:largest"),
    ("node_memory_MemAvailable_bytes", {}, Aspect.MEMORY, "node_memory:share"),
    ("jvm_memory_used_bytes", {}, Aspect.MEMORY, "jvm_memory:share"),
    ("jvm_memory_max_bytes", {}, Aspect.MEMORY, "jvm_memory:share"),
    ("process_open_fds", {}, Aspect.DESCRIPTORS, "process_fds:share"),
    ("process_max_fds", {}, Aspect.DESCRIPTORS, "process_fds:share"),
    ("hikaricp_connections_active", {}, Aspect.POOL, "hikaricp_connections:share"),
    ("hikaricp_connections_max", {}, Aspect.POOL, "hikaricp_connections:share"),
    ("hikaricp_connections_pending", {}, Aspect.POOL, "hikaricp_connections_pending"),
    ("pool_connections_in_use", {}, Aspect.POOL, "pool_connections:share"),
    ("rabbitmq_queue_depth", {}, Aspect.QUEUE, "rabbitmq_queue_depth"),
    ("queue_oldest_age_seconds", {}, Aspect.QUEUE, "queue_oldest_age_seconds"),
    ("http_requests_in_flight", {}, Aspect.QUEUE, "http_requests_in_flight"),
    ("jobs_processed_total", {}, Aspect.PROGRESS, "jobs_processed:rate"),
    ("jobs_failed_total", {}, Aspect.ERRORS, "jobs_failed:rate"),
    ("cache_hits_total", {}, Aspect.CACHE, "cache:hit_ratio"),
    ("cache_misses_total", {}, Aspect.CACHE, "cache:hit_ratio"),
    ("lock_wait_seconds_total", {}, Aspect.LOCK, "lock_wait_seconds:wait"),
    ("logback_events_total", {"level": "info"}, Aspect.LOG_VOLUME, "logback_events:rate"),
    ("node_filesystem_avail_bytes", {"fstype": "ext4"}, Aspect.DISK, "node_filesystem:share"),
    ("node_filesystem_files_free", {"fstype": "ext4"}, Aspect.DISK, "node_filesystem_files:share"),
    ("node_filesystem_files", {"fstype": "ext4"}, Aspect.DISK, "node_filesystem_files:share"),
    ("data_dir_bytes_used", {}, Aspect.DISK, "data_dir_bytes:share"),
    ("data_dir_bytes_quota", {}, Aspect.DISK, "data_dir_bytes:share"),
    ("probe_ssl_earliest_cert_expiry", {}, Aspect.CERTIFICATE, "probe_ssl_earliest_cert_expiry:left"),
    ("node_timex_offset_seconds", {}, Aspect.CLOCK, "node_timex_offset_seconds"),
    ("wall_clock_seconds", {}, Aspect.CLOCK, "wall_clock_seconds:offset"),
    ("process_start_time_seconds", {}, Aspect.RESTARTS, "process_start_time_seconds:changes"),
    (
        "kube_pod_container_status_restarts_total",
        {},
        Aspect.RESTARTS,
        "kube_pod_container_status_restarts_total:changes",
    ),
    ("go_goroutines", {}, Aspect.THREADS, "go_goroutines"),
    ("up", {}, Aspect.AVAILABILITY, "up"),
    ("mysql_up", {}, Aspect.AVAILABILITY, "mysql_up"),
]


@pytest.mark.parametrize(("name", "labels", "aspect", "signal"), KNOWN)
def test_a_conventional_name_says_what_it_is_about(
    name: str, labels: dict[str, str], aspect: Aspect, signal: str
) -> None:
    first = series(name, service="orders", **labels).feeds[0].signal
    assert (first.aspect, first.name) == (aspect, signal)


@pytest.mark.parametrize("name", ["http_request_duration_seconds_bucket", "scrape_samples_scraped", "x_created"])
def test_parts_that_say_nothing_alone_are_ignored(name: str) -> None:
    assert series(name, service="orders").reading is Reading.IGNORED
    assert series(name, service="orders").feeds == ()


@pytest.mark.parametrize(
    ("label", "good", "bad"),
    [
        ("code", ["200", "2xx", "302", "404", "499"], ["500", "503", "5xx"]),
        ("http_response_status_code", ["201", "429"], ["504"]),
        ("grpc_code", ["OK", "NotFound", "INVALID_ARGUMENT"], ["Unavailable", "INTERNAL", "DeadlineExceeded"]),
        ("outcome", ["ok", "success", "SUCCESS"], ["error", "timeout", "refused", "SERVER_ERROR"]),
        ("error", ["false", ""], ["true", "timeout"]),
    ],
)
def test_a_client_s_mistake_is_no_failure_of_the_server(label: str, good: list[str], bad: list[str]) -> None:
    assert {outcome({label: value}) for value in good} == {"good"}
    assert {outcome({label: value}) for value in bad} == {"bad"}


def test_work_that_failed_counts_above_and_below_the_line() -> None:
    roles = {code: series("http_requests_total", service="a", code=code).feeds[1].role for code in ("200", "500")}
    assert roles == {"200": Role.DENOMINATOR, "500": Role.BOTH}


@pytest.mark.parametrize(
    ("labels", "ref"),
    [
        ({"service": "orders", "job": "scrape"}, "service:orders"),
        ({"service_name": "orders", "job": "scrape"}, "service:orders"),
        ({"job": "orders", "instance": "10.0.0.1:80"}, "service:orders"),
        ({"namespace": "shop", "pod": "orders-1"}, "pod:shop/orders-1"),
        ({"instance": "10.0.0.1:80"}, "process:10.0.0.1:80"),
        ({}, "process:unlabelled"),
    ],
)
def test_a_series_belongs_to_whom_its_labels_name(labels: dict[str, str], ref: str) -> None:
    assert series("some_gauge", **labels).entity.ref == ref


def test_what_describes_a_machine_belongs_to_the_host_and_what_describes_us_to_the_platform() -> None:
    assert series("node_load1", instance="a:9100", nodename="atlas", job="node").entity.ref == "host:atlas"
    assert series("steersman_rounds_total", job="steersman").entity.ref == "platform:steersman"


def test_a_replica_is_owned_and_a_peer_is_called() -> None:
    found = series("dependency_requests_total", service="orders", replica="1", peer="payments", outcome="error")
    assert found.owner is not None
    assert found.owner.ref == "process:orders/1"
    assert {feed.signal.peer.ref for feed in found.feeds if feed.signal.peer} == {"service:payments"}
    assert found.feeds[1].signal.selector == 'dependency_requests:error_ratio{service="orders",peer="payments"}'


def test_an_interface_that_is_down_is_no_host_that_does_not_answer() -> None:
    assert series("node_network_up", device="eth1", nodename="a").feeds[0].signal.aspect is Aspect.NETWORK


def test_file_systems_without_files_of_their_own_are_not_watched() -> None:
    assert series("node_filesystem_avail_bytes", fstype="squashfs", nodename="a").feeds == ()


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5), st.text(max_size=40))
def test_any_labels_are_classified_and_the_same_ones_alike(labels: dict[str, str], name: str) -> None:
    labels.pop("", None)
    found = series(name or "x", **{f"l{label}": value for label, value in labels.items()})
    assert found == series(name or "x", **{f"l{label}": value for label, value in labels.items()})
    if found.reading is not Reading.IGNORED and found.feeds and found.feeds[0].signal.judgement is Judgement.PLAIN:
        assert found.feeds[0].signal.selector.startswith(name or "x")
