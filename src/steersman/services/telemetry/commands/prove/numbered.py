"""Requests whose every record carries a number, so that a lost or doubled one is known exactly.

A sender numbers its records from zero and puts a fixed count of them into each request; request `r` holds the
numbers `r * size` to `(r + 1) * size - 1` and nothing else. The number is the value of a sample and stands in a log
line and in a span's name; the time of each record follows from it too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import cramjam
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from steersman.engine.decode.proto import loki_push_pb2 as loki
from steersman.engine.decode.proto import remote_write_v1_pb2 as remote_write
from steersman.model.telemetry import WireFormat

METRIC = "proof_records"
_LINE = re.compile(r"record (\d+) of (\S+)")


class Signal(StrEnum):
    """The three kinds of records, and how they travel."""

    SAMPLES = "samples"
    LINES = "lines"
    SPANS = "spans"


FORMATS = {
    Signal.SAMPLES: WireFormat.REMOTE_WRITE_1,
    Signal.LINES: WireFormat.LOKI_PROTO,
    Signal.SPANS: WireFormat.OTLP_TRACES_PROTO,
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends what, `size` records a request. Samples are dealt out to `lanes` series, and so share their times."""

    name: str
    signal: Signal
    start_ms: int
    size: int = 20
    lanes: int = 1

    def time_ms(self, record: int) -> int:
        return self.start_ms + record // self.lanes

    def records(self, request: int) -> range:
        return range(request * self.size, (request + 1) * self.size)

    def body(self, request: int) -> bytes:
        """The request as it goes over the wire, compression included."""
        return _BODIES[self.signal](self, self.records(request))


def _samples(sender: Sender, records: range) -> bytes:
    request = remote_write.WriteRequest()
    for lane in range(sender.lanes):
        labels = [("__name__", METRIC), ("lane", str(lane)), ("sender", sender.name)]
        series = request.timeseries.add(labels=[remote_write.Label(name=name, value=value) for name, value in labels])
        for record in records[(lane - records.start) % sender.lanes :: sender.lanes]:
            series.samples.add(value=float(record), timestamp=sender.time_ms(record))
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def _lines(sender: Sender, records: range) -> bytes:
    entries = []
    for record in records:
        seconds, ms = divmod(sender.time_ms(record), 1_000)
        time = loki.Timestamp(seconds=seconds, nanos=ms * 1_000_000)
        entries.append(loki.Entry(timestamp=time, line=f"record {record} of {sender.name}"))
    stream = loki.Stream(labels=f'{{job="proof", sender="{sender.name}"}}', entries=entries)
    return bytes(cramjam.snappy.compress_raw(loki.PushRequest(streams=[stream]).SerializeToString()))


def _spans(sender: Sender, records: range) -> bytes:
    spans = [
        Span(
            trace_id=(records.start + 1).to_bytes(16, "big"),
            span_id=(record + 1).to_bytes(8, "big"),
            name=f"record {record} of {sender.name}",
            start_time_unix_nano=sender.time_ms(record) * 1_000_000,
            end_time_unix_nano=sender.time_ms(record) * 1_000_000 + 1_000,
        )
        for record in records
    ]
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=sender.name))])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])]
    ).SerializeToString()


_BODIES: dict[Signal, Callable[[Sender, range], bytes]] = {
    Signal.SAMPLES: _samples,
    Signal.LINES: _lines,
    Signal.SPANS: _spans,
}


def record_in(text: str, sender: Sender) -> int | None:
    """The record that a line or a span's name stands for; None when another sender wrote it."""
    found = _LINE.fullmatch(text)
    return int(found[1]) if found and found[2] == sender.name else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong with what was found: numbers of records, by kind of wrong. `half` counts torn requests."""

    missing: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    strange: list[int] = field(default_factory=list)
    half: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.doubled or self.strange or self.half)


def judge(sender: Sender, found: Iterable[int], acknowledged: set[int], unanswered: set[int]) -> Judgement:
    """Compare the records that were found with the requests that were sent.

    What was acknowledged must be there once. A request that was sent and not answered may be there, once and whole,
    or not at all. Anything else must not be there.
    """
    counts = Counter(found)
    allowed = acknowledged | unanswered
    inside = Counter(record // sender.size for record in counts)
    return Judgement(
        missing=sorted(
            record for request in acknowledged for record in sender.records(request) if record not in counts
        ),
        doubled=sorted(record for record, count in counts.items() if count > 1),
        strange=sorted(record for record in counts if record // sender.size not in allowed),
        half=sorted(request for request in unanswered if 0 < inside[request] < sender.size),
    )
