import json
import random
import struct

import numpy as np
import pytest
from opentelemetry.exporter.otlp.json.common.metrics_encoder import encode_metrics as encode_json
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics as encode_proto
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, MetricsData
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from steersman.engine.decode.otlp_metrics import decode_json, decode_proto
from steersman.engine.decode.otlp_names import label_name, metric_name
from steersman.model.errors import InvalidInput
from steersman.model.labels import canonical, decode_labels
from steersman.model.telemetry import STALE_NAN_BITS, MetricMetadata, MetricType

NOW = 1_700_000_000_123_000_000
CUMULATIVE, DELTA = 2, 1
RESOURCE = {"service.name": "shop", "service.namespace": "eu", "service.instance.id": "i-1", "host.name": "h1"}


def use(meter):
    """One of each instrument, with the names and units that the translation has rules for."""
    meter.create_counter("http.server.requests", "{request}", "All requests").add(3, {"http.route": "/a", "code": 200})
    meter.create_counter("data.total", "By").add(5.5)
    meter.create_counter("energy.used", "J/s").add(2)
    meter.create_up_down_counter("queue.size", "By").add(-4)
    meter.create_gauge("room.temperature", "Cel", "Warmth").set(21.25, {"room.name": "ü"})
    meter.create_gauge("first__speed", "m/s").set(7)
    histogram = meter.create_histogram("latency", "s", explicit_bucket_boundaries_advisory=[0.005, 0.1, 1, 2500])
    for value in (0.001, 0.005, 0.5, 3, 99_999):
        histogram.record(value, {"a": "b"})


@pytest.fixture(scope="module")
def exported():
    """The same measurements as OTLP and as the SDK's own Prometheus exporter shows them."""
    registry = CollectorRegistry()
    memory = InMemoryMetricReader()
    scraped = PrometheusMetricReader(registry=registry, scope_info_enabled=False, disable_target_info=True)
    provider = MeterProvider([memory, scraped], resource=Resource(RESOURCE))
    use(provider.get_meter("lib"))
    yield memory.get_metrics_data(), list(registry.collect())
    provider.shutdown()


def series(decoded):
    batch = decoded.metrics
    keys = [decode_labels(key) for key in batch.keys]
    return {keys[s]: float(v) for s, v in zip(batch.series, batch.values, strict=True)}


def test_series_are_those_of_the_sdks_own_prometheus_exporter(exported):
    metrics, families = exported
    expected = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = {"__name__": sample.name, "job": "eu/shop", "instance": "i-1"} | sample.labels
        if labels.get("le", "+Inf") != "+Inf":
            labels["le"] = labels["le"].removesuffix(".0")
        expected[canonical(labels)] = sample.value
    found = series(decode_proto(encode_proto(metrics).SerializeToString(), 0))
    found = {labels: value for labels, value in found.items() if dict(labels)["__name__"] != "target_info"}
    assert found == expected


def test_types_and_help_are_those_of_the_sdks_own_prometheus_exporter(exported):
    metrics, families = exported
    found = decode_proto(encode_proto(metrics).SerializeToString(), 0).metadata
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        (one,) = [metadata for metadata in found if metadata.name == name]
        assert (one.type, one.help) == (family.type, family.documentation)


def test_the_json_encoding_means_the_same_as_the_binary_one(exported):
    binary = decode_proto(encode_proto(exported[0]).SerializeToString(), 0)
    text = decode_json(encode_json(exported[0]).to_json().encode(), 0)
    assert series(text) == series(binary)
    assert text.metadata == binary.metadata
    assert text.metrics.times.tolist() == binary.metrics.times.tolist()


def test_the_other_attributes_of_a_resource_are_in_target_info(exported):
    found = series(decode_proto(encode_proto(exported[0]).SerializeToString(), 0))
    (target,) = [dict(labels) for labels in found if dict(labels)["__name__"] == "target_info"]
    assert target == {"__name__": "target_info", "job": "eu/shop", "instance": "i-1", "host_name": "h1"}


def request(*metrics, resource=()):
    data = MetricsData()
    one = data.resource_metrics.add()
    for key, value in resource:
        one.resource.attributes.add(key=key, value={"string_value": value})
    one.scope_metrics.add().metrics.extend(metrics)
    return data.SerializeToString()


def gauge(name="g", **point):
    return Metric(name=name, gauge={"data_points": [{"time_unix_nano": NOW, **point}]})


def test_no_recorded_value_becomes_the_staleness_marker():
    histogram = {"flags": 1, "time_unix_nano": NOW, "explicit_bounds": [1], "bucket_counts": [0, 0]}
    body = request(
        gauge(flags=1),
        Metric(name="h", histogram={"aggregation_temporality": CUMULATIVE, "data_points": [histogram]}),
        Metric(name="s", summary={"data_points": [{"flags": 1, "quantile_values": [{"quantile": 0.5}]}]}),
    )
    values = decode_proto(body, 0).metrics.values
    assert values.view(np.uint64).tolist() == [STALE_NAN_BITS] * 8


def test_a_summary_becomes_quantiles_sum_and_count():
    point = {"count": 3, "sum": 6.0, "time_unix_nano": NOW, "quantile_values": [{"quantile": 0.99, "value": 4.0}]}
    decoded = decode_proto(request(Metric(name="s", summary={"data_points": [point]})), 0)
    assert series(decoded) == {
        (("__name__", "s_sum"),): 6.0,
        (("__name__", "s_count"),): 3.0,
        (("__name__", "s"), ("quantile", "0.99")): 4.0,
    }
    assert decoded.metadata == (MetricMetadata("s", MetricType.SUMMARY),)


def test_exemplars_stay_with_their_counter_and_their_bucket():
    exemplar = {"as_double": 0.7, "trace_id": b"\x01" * 16, "span_id": b"\x02" * 8, "time_unix_nano": NOW}
    point = {"time_unix_nano": NOW, "count": 1, "explicit_bounds": [0.5, 1], "bucket_counts": [0, 1, 0]}
    data = {"aggregation_temporality": CUMULATIVE, "data_points": [point | {"exemplars": [exemplar]}]}
    exemplars = decode_proto(request(Metric(name="h", histogram=data)), 0).exemplars
    assert dict(decode_labels(exemplars.key[0])) == {"__name__": "h_bucket", "le": "1"}
    assert json.loads(exemplars.labels[0]) == {"trace_id": "01" * 16, "span_id": "02" * 8}
    assert (exemplars.value, exemplars.time_ms) == ([0.7], [NOW // 1_000_000])


@pytest.mark.parametrize(
    ("metric", "count", "words"),
    [
        (Metric(name="c", sum={"aggregation_temporality": DELTA, "data_points": [{}, {}]}), 2, "cumulative"),
        (Metric(name="c", sum={"data_points": [{}]}), 1, "cumulative"),
        (Metric(name="h", histogram={"aggregation_temporality": DELTA, "data_points": [{}]}), 1, "cumulative"),
        (Metric(name="e", exponential_histogram={"data_points": [{}, {}, {}]}), 3, "exponential"),
        (Metric(name="温度", gauge={"data_points": [{}]}), 1, "name"),
        (Metric(name="g", gauge={"data_points": [{}]}), 1, "value"),
        (Metric(name="g"), 1, "no data"),
    ],
)
def test_what_the_store_has_no_place_for_is_counted_and_its_neighbour_kept(metric, count, words):
    decoded = decode_proto(request(metric, gauge("ok", as_int=1)), 0)
    assert series(decoded) == {(("__name__", "ok"),): 1.0}
    ((refusal),) = decoded.refused
    assert refusal.count == count
    assert words in refusal.reason


@pytest.mark.parametrize(
    ("bounds", "counts"),
    [
        ([1], [1]),
        ([1, 1], [0, 0, 0]),
        ([2, 1], [0, 0, 0]),
        ([float("nan")], [0, 0]),
        ([float("inf")], [0, 0]),
        ([1], []),
    ],
)
def test_buckets_that_contradict_themselves_are_refused(bounds, counts):
    point = {"explicit_bounds": bounds, "bucket_counts": counts}
    metric = Metric(name="h", histogram={"aggregation_temporality": CUMULATIVE, "data_points": [point]})
    with pytest.raises(InvalidInput):
        decode_proto(request(metric), 0)


def test_a_metric_without_a_name_or_an_attribute_without_a_key_is_refused():
    for metric in (gauge(name="", as_int=1), gauge(as_int=1, attributes=[{"key": ""}])):
        with pytest.raises(InvalidInput):
            decode_proto(request(metric), 0)


def test_attributes_that_become_one_label_are_joined_and_the_resource_wins():
    attributes = [("a.b", "1"), ("a_b", "2"), ("job", "mine")]
    point = {"as_int": 1, "attributes": [{"key": k, "value": {"string_value": v}} for k, v in attributes]}
    decoded = decode_proto(request(gauge(**point), resource=[("service.name", "shop")]), 0)
    assert dict(decode_labels(decoded.metrics.keys[0])) == {"__name__": "g", "a_b": "1;2", "job": "shop"}


def test_a_point_without_a_time_was_taken_when_it_came_in():
    decoded = decode_proto(request(gauge(as_int=1, time_unix_nano=0)), NOW)
    assert decoded.metrics.times.tolist() == [NOW // 1_000_000]


@pytest.mark.parametrize(
    ("name", "unit", "counter", "gauge_", "expected"),
    [  # the examples of OpenTelemetry's compatibility document and of its reference translator's documentation
        ("system.network.io", "By", True, False, "system_network_io_bytes_total"),
        ("system.network.io_bytes_total", "By", True, False, "system_network_io_bytes_total"),
        ("http.requests", "{packet}", True, False, "http_requests_total"),
        ("memory.utilization", "1", False, True, "memory_utilization_ratio"),
        ("speed", "m/s", False, True, "speed_meters_per_second"),
        ("rate", "{request}/s", False, True, "rate_per_second"),
        ("storage.bytes", "By/s", False, True, "storage_bytes_per_second"),
        ("3.14 digits", "", False, True, "_3_14_digits"),
        ("__a  b__", "", False, True, "a_b"),
        ("ns:name", "", False, True, "ns:name"),
        ("x", "foo/bar", False, True, "x_foo_per_bar"),
    ],
)
def test_names_follow_the_compatibility_document(name, unit, counter, gauge_, expected):
    assert metric_name(name, unit, is_counter=counter, is_gauge=gauge_) == expected


def test_label_names_are_made_legal():
    assert [label_name(key) for key in ("http.route", "9x", "a b", "_x")] == ["http_route", "key_9x", "a_b", "_x"]


def test_a_mutated_body_is_read_as_its_own_copy_or_refused(exported):
    chance = random.Random(7)
    plain = encode_proto(exported[0]).SerializeToString()
    accepted = 0
    for _ in range(2000):
        body = bytearray(plain)
        for _ in range(chance.randint(1, 3)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            found = decode_proto(bytes(body), 1)
        except InvalidInput:
            continue
        accepted += 1
        # The library's own copy of the message, unknown fields and order aside, means the same.
        again = decode_proto(MetricsData.FromString(bytes(body)).SerializeToString(), 1)
        assert again.metrics.keys == found.metrics.keys
        assert struct.pack(f"{len(again.metrics.values)}d", *again.metrics.values) == found.metrics.values.tobytes()
        assert found.metrics.times.min(initial=0) >= 0
    assert accepted > 100
