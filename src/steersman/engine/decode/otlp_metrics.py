"""OTLP metrics (`ExportMetricsServiceRequest`, binary and JSON) as Prometheus series.

The translation is that of Prometheus's own OTLP receiver: cumulative sums become counters, histograms become
`_bucket`, `_sum` and `_count`, the resource becomes `job`, `instance` and `target_info`. Delta temporality and
exponential histograms have no place in the store and are refused with a count, which OTLP calls partial success.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    SummaryDataPoint,
)

from steersman.engine.decode.otlp_messages import from_json, from_proto
from steersman.engine.decode.otlp_names import metric_name, plain_number
from steersman.engine.decode.otlp_series import (
    OtlpColumns,
    add_target_info,
    number,
    point_labels,
    series_key,
    target_labels,
)
from steersman.model.errors import InvalidInput
from steersman.model.labels import Labels
from steersman.model.telemetry import STALE_NAN_BITS, Decoded, MetricMetadata, MetricType

_STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]
_NO_RECORDED_VALUE = 1

_DELTA = (
    "only cumulative temporality is stored; set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative "
    "or put a deltatocumulative processor before the exporter"
)
_EXPONENTIAL = "exponential histograms are not stored; configure explicit bucket histograms"
_NAMELESS = "a metric's name has no character that a Prometheus name can keep"
_VALUELESS = "a data point has neither a value nor the flag for no recorded value"
_EMPTY = "a metric has no data"


def decode_proto(body: bytes, received_ns: int) -> Decoded:
    """Decode the binary encoding. Raises `InvalidInput`."""
    return _decoded(from_proto(MetricsData, body), received_ns)


def decode_json(body: bytes, received_ns: int) -> Decoded:
    """Decode the JSON encoding. Raises `InvalidInput`."""
    return _decoded(from_json(MetricsData, body), received_ns)


def _decoded(request: MetricsData, received_ns: int) -> Decoded:
    columns = OtlpColumns(received_ns // 1_000_000)
    for resource_metrics in request.resource_metrics:
        _read_resource(columns, resource_metrics)
    return columns.decoded()


def _read_resource(columns: OtlpColumns, resource_metrics: ResourceMetrics) -> None:
    target = target_labels(resource_metrics.resource)
    first = len(columns.times)
    for scope_metrics in resource_metrics.scope_metrics:
        for metric in scope_metrics.metrics:
            _read_metric(columns, metric, target)
    if len(columns.times) > first:
        add_target_info(columns, resource_metrics.resource, target, max(columns.times[first:]))


def _read_metric(columns: OtlpColumns, metric: Metric, target: Labels) -> None:
    """Add one metric, or count its data points as refused."""
    kind = metric.WhichOneof("data")
    if not metric.name:
        raise InvalidInput("a metric has no name")
    if kind is None:
        columns.refused[_EMPTY] += 1
        return
    data = getattr(metric, kind)
    is_counter = kind == "sum" and data.is_monotonic
    name = metric_name(metric.name, metric.unit, is_counter=is_counter, is_gauge=kind == "gauge")
    reason = _reason_against(kind, data, name)
    if reason:
        columns.refused[reason] += len(data.data_points)
        return
    type_ = MetricType.COUNTER if is_counter else _TYPES[kind]
    columns.metadata[name] = MetricMetadata(name, type_, metric.description, metric.unit)
    add = _ADD[kind]
    for point in data.data_points:
        add(columns, name, point_labels(point.attributes, target), point)


def _reason_against(kind: str, data: object, name: str) -> str:
    """Return why a metric cannot be stored, "" when it can."""
    if kind == "exponential_histogram":
        return _EXPONENTIAL
    # A gauge and a summary have no temporality.
    cumulative = AGGREGATION_TEMPORALITY_CUMULATIVE
    if getattr(data, "aggregation_temporality", cumulative) != cumulative:
        return _DELTA
    return "" if name else _NAMELESS


def _add_number(columns: OtlpColumns, name: str, labels: Labels, point: NumberDataPoint) -> None:
    kind = point.WhichOneof("value")
    if point.flags & _NO_RECORDED_VALUE:
        value = _STALE
    elif kind is None:
        columns.refused[_VALUELESS] += 1
        return
    else:
        value = point.as_double if kind == "as_double" else float(point.as_int)
    key, time_ms = series_key(name, labels), columns.time_ms(point.time_unix_nano)
    columns.add(key, time_ms, value)
    for exemplar in point.exemplars:
        columns.add_exemplar(key, exemplar, time_ms)


def _add_histogram(columns: OtlpColumns, name: str, labels: Labels, point: HistogramDataPoint) -> None:
    bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
    _check_buckets(name, bounds, counts)
    time_ms = columns.time_ms(point.time_unix_nano)
    stale = bool(point.flags & _NO_RECORDED_VALUE)
    if point.HasField("sum") or stale:
        columns.add(series_key(f"{name}_sum", labels), time_ms, _STALE if stale else point.sum)
    columns.add(series_key(f"{name}_count", labels), time_ms, _STALE if stale else float(point.count))
    keys = [series_key(f"{name}_bucket", labels, ("le", plain_number(bound))) for bound in bounds]
    # The last bucket holds all observations, whatever the counts of the others add up to.
    keys.append(series_key(f"{name}_bucket", labels, ("le", "+Inf")))
    for key, total in zip(keys, [*accumulate(counts[:-1]), point.count], strict=True):
        columns.add(key, time_ms, _STALE if stale else float(total))
    for exemplar in point.exemplars:
        place = bisect_left(bounds, number(exemplar))
        columns.add_exemplar(keys[place], exemplar, time_ms)


def _check_buckets(name: str, bounds: list[float], counts: list[int]) -> None:
    if len(counts) != len(bounds) + 1 and (counts or bounds):
        raise InvalidInput(
            f"the histogram {name} has {len(bounds)} bounds and {len(counts)} counts; send one more count"
        )
    # Written so that a NaN fails: it is not below its neighbour.
    if not all(low < high for low, high in pairwise([float("-inf"), *bounds])):
        raise InvalidInput(f"the bounds of the histogram {name} do not increase strictly")
    if bounds and bounds[-1] == float("inf"):
        raise InvalidInput(f"the histogram {name} names the bound +Inf, which is implied; leave it out")


def _add_summary(columns: OtlpColumns, name: str, labels: Labels, point: SummaryDataPoint) -> None:
    time_ms = columns.time_ms(point.time_unix_nano)
    stale = bool(point.flags & _NO_RECORDED_VALUE)
    columns.add(series_key(f"{name}_sum", labels), time_ms, _STALE if stale else point.sum)
    columns.add(series_key(f"{name}_count", labels), time_ms, _STALE if stale else float(point.count))
    for quantile in point.quantile_values:
        key = series_key(name, labels, ("quantile", plain_number(quantile.quantile)))
        columns.add(key, time_ms, _STALE if stale else quantile.value)


_TYPES = {
    "gauge": MetricType.GAUGE,
    # A sum that can fall is what Prometheus calls a gauge.
    "sum": MetricType.GAUGE,
    "histogram": MetricType.HISTOGRAM,
    "summary": MetricType.SUMMARY,
}
_ADD: dict[str, Callable[[OtlpColumns, str, Labels, Any], None]] = {
    "gauge": _add_number,
    "sum": _add_number,
    "histogram": _add_histogram,
    "summary": _add_summary,
}
