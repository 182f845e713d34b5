"""Telemetry as columns: what a decoder hands to the store.

Below a finding everything is columns. A batch holds parallel lists or arrays, one entry per sample, log
line or span; nothing here is built per record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import float64, int32, int64
    from numpy.typing import NDArray

#: Prometheus's staleness marker: a NaN with this bit pattern says "the series ended here".
STALE_NAN_BITS = 0x7FF0000000000002


class MetricType(StrEnum):
    """The metric types of OpenMetrics and of remote write."""

    UNKNOWN = "unknown"
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    SUMMARY = "summary"
    INFO = "info"
    STATESET = "stateset"


class WireFormat(IntEnum):
    """What the bytes of one record of the write-ahead log are. The numbers are on disk: never reuse one."""

    REMOTE_WRITE_1 = 1
    REMOTE_WRITE_2 = 2
    OTLP_METRICS_PROTO = 3
    OTLP_METRICS_JSON = 4
    OTLP_LOGS_PROTO = 5
    OTLP_LOGS_JSON = 6
    OTLP_TRACES_PROTO = 7
    OTLP_TRACES_JSON = 8
    LOKI_PROTO = 9
    LOKI_JSON = 10
    EXPOSITION = 11
    SYSLOG = 12
    READINGS = 13
    LOG_COLUMNS = 14


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    """What a source says about a metric family."""

    name: str
    type: MetricType
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Records of one request that were not kept, and the reason in words for the sender."""

    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class MetricBatch:
    """Samples of one request. `series[i]` is an index into `keys`, the canonical label bytes.

    `times` are milliseconds UTC. The arrays have equal length, in the order of the request.
    """

    keys: list[bytes]
    series: NDArray[int32]
    times: NDArray[int64]
    values: NDArray[float64]


@dataclass(slots=True)
class ExemplarColumns:
    """Exemplars: `key` is the canonical label bytes of the series, `labels` a JSON object."""

    key: list[bytes] = field(default_factory=list)
    time_ms: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


@dataclass(slots=True)
class LogColumns:
    """Log records, one entry per line.

    Times are nanoseconds UTC. `severity` is OpenTelemetry's severity number (0 when unknown). `attributes`
    is a JSON object of strings to JSON values with resource, scope and record attributes (or the stream
    labels) merged. `trace_id` and `span_id` are lower-case hex, empty when absent.
    """

    time_ns: list[int] = field(default_factory=list)
    severity: list[int] = field(default_factory=list)
    service: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    trace_id: list[str] = field(default_factory=list)
    span_id: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SpanColumns:
    """Spans, one entry per span. `kind` and `status` are OpenTelemetry's numbers; `events` and `links` are JSON arrays.

    Times are nanoseconds UTC; ids are lower-case hex, `parent_id` is empty for a root. `attributes` are the
    span's own, `resource` those of its source, both JSON objects.
    """

    start_ns: list[int] = field(default_factory=list)
    duration_ns: list[int] = field(default_factory=list)
    trace_id: list[str] = field(default_factory=list)
    span_id: list[str] = field(default_factory=list)
    parent_id: list[str] = field(default_factory=list)
    service: list[str] = field(default_factory=list)
    name: list[str] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    status_message: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    resource: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Everything that one request carried, and what of it the decoder refused."""

    metrics: MetricBatch | None = None
    metadata: tuple[MetricMetadata, ...] = ()
    exemplars: ExemplarColumns | None = None
    logs: LogColumns | None = None
    spans: SpanColumns | None = None
    refused: tuple[Refusal, ...] = ()
