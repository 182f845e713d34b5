"""What one scrape tells about its target, and which series ended with it: Prometheus's rules, without its clock."""

from __future__ import annotations

from dataclasses import dataclass

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, Labels, canonical, encode_labels
from steersman.model.telemetry import Decoded, MetricMetadata, MetricType

REPORT_METADATA = (
    MetricMetadata("up", MetricType.GAUGE, "1 when the last scrape of the target went well."),
    MetricMetadata("scrape_duration_seconds", MetricType.GAUGE, "Seconds that the scrape took."),
    MetricMetadata("scrape_samples_scraped", MetricType.GAUGE, "Samples on the target's page."),
    MetricMetadata("scrape_samples_post_metric_relabeling", MetricType.GAUGE, "Samples that were kept of them."),
    MetricMetadata("scrape_series_added", MetricType.GAUGE, "Series that the scrape before did not have."),
)


@dataclass(frozen=True, slots=True)
class Content:
    """What a page held. `present` are the series that end when they are missing next time.

    A series with a time of its own ends by its own account, so no marker is written for it.
    """

    samples: int
    series: frozenset[bytes]
    present: frozenset[bytes]


NOTHING = Content(0, frozenset(), frozenset())


def content_of(decoded: Decoded, time_ms: int, sample_limit: int) -> Content:
    """Sum up a page, or raise `InvalidInput` when it has more samples than it may."""
    batch = decoded.metrics
    if batch is None:
        return NOTHING
    samples = len(batch.values)
    if sample_limit and samples > sample_limit:
        raise InvalidInput(f"the page has {samples} samples, more than sample_limit, {sample_limit}")
    own_time = batch.times != time_ms
    timed = {batch.keys[index] for index in set(batch.series[own_time].tolist())}
    series = frozenset(batch.keys)
    return Content(samples, series, series - timed)


def report(
    target: Labels, *, healthy: bool, seconds: float, content: Content, before: Content
) -> list[tuple[str, float]]:
    """Return the five samples that describe a scrape. One that the page has itself is left to the page."""
    values = {
        "up": float(healthy),
        "scrape_duration_seconds": seconds,
        "scrape_samples_scraped": float(content.samples),
        "scrape_samples_post_metric_relabeling": float(content.samples),
        "scrape_series_added": float(len(content.series - before.series)),
    }
    return [(name, value) for name, value in values.items() if _own_key(target, name) not in content.series]


def own_keys(target: Labels) -> frozenset[bytes]:
    """Return the keys of a target's own series, which end when the target is removed."""
    return frozenset(_own_key(target, metadata.name) for metadata in REPORT_METADATA)


def _own_key(target: Labels, name: str) -> bytes:
    return encode_labels(canonical({**dict(target), METRIC_NAME: name}))
