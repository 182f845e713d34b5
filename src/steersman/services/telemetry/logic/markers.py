"""The records that the senses write beside samples: what metrics mean, and which series have ended."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from steersman.engine.decode import exposition, readings
from steersman.model.telemetry import STALE_NAN_BITS, MetricMetadata, MetricType

#: The staleness marker as a float; Python keeps the bits of a NaN that it only passes on.
STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]


def ended(keys: Iterable[bytes], time_ms: int) -> bytes:
    """Return the readings that end these series."""
    return readings.pack(((key, STALE) for key in sorted(keys)), time_ms)


def describing(metadata: Iterable[MetricMetadata]) -> bytes:
    """Return a page of metrics without samples, which says what the metrics are."""
    lines = [line for entry in metadata for line in (f"# HELP {entry.name} {entry.help}", _type(entry))]
    return exposition.pack(
        content_type="text/plain",
        target_labels=(),
        honor_labels=False,
        honor_timestamps=False,
        extra_samples=(),
        body="".join(f"{line}\n" for line in lines).encode(),
    )


def _type(entry: MetricMetadata) -> str:
    # The text format calls it untyped; OpenMetrics, whose word we keep, unknown.
    name = "untyped" if entry.type is MetricType.UNKNOWN else entry.type.value
    return f"# TYPE {entry.name} {name}"
