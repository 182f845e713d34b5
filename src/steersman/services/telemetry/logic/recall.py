"""Rebuilds the live page's last minutes from the stored series of this machine, so that a restart leaves no hole.

Takes only complete passes of the host collector: a moment that lacks its CPU or its memory is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from steersman.model.labels import METRIC_NAME, Labels, Matcher, MatchOp
from steersman.services.telemetry.logic.live import Counters, CpuTimes

_CPU = "node_cpu_seconds_total"
_GROUP_OF_MODE: Mapping[str, str] = {
    "user": "user",
    "nice": "user",
    "system": "system",
    "iowait": "iowait",
    "irq": "other",
    "softirq": "other",
    "steal": "other",
    "idle": "idle",
}
#: What the sum of each metric over its devices is in a look.
_FIELD_OF_METRIC: Mapping[str, str] = {
    "node_memory_MemTotal_bytes": "memory_total",
    "node_memory_MemAvailable_bytes": "memory_available",
    "node_memory_Cached_bytes": "memory_cached",
    "node_memory_Buffers_bytes": "memory_cached",
    "node_memory_SReclaimable_bytes": "memory_cached",
    "node_disk_read_bytes_total": "disk_read",
    "node_disk_written_bytes_total": "disk_written",
    "node_network_receive_bytes_total": "net_received",
    "node_network_transmit_bytes_total": "net_sent",
}
_NEEDED = frozenset({"memory_total", "memory_available"})
_LOOPBACK = ("device", "lo")

#: The series that the host collector writes about this machine and the page can use.
MATCHERS = (
    Matcher("job", MatchOp.EQUAL, "host"),
    Matcher(METRIC_NAME, MatchOp.REGEX, "|".join((_CPU, *_FIELD_OF_METRIC))),
)

#: The labels of a series, its times in milliseconds and its values.
Series = tuple[Labels, Sequence[int], Sequence[float]]


@dataclass(slots=True)
class _Moment:
    """What is known of one pass of the collector."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cores: dict[int, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))

    def counters(self, time_ms: int) -> Counters | None:
        if not self.cores or not self.sums.keys() >= _NEEDED:
            return None
        sums = {name: int(self.sums.get(name, 0)) for name in _FIELD_OF_METRIC.values()}
        modes = [self.cores[number] for number in sorted(self.cores)]
        return Counters(
            time_ms=time_ms,
            cores=tuple(
                CpuTimes(**{group: core.get(group, 0.0) for group in _GROUP_OF_MODE.values()}) for core in modes
            ),
            memory_total=sums["memory_total"],
            memory_used=sums["memory_total"] - sums["memory_available"],
            memory_cached=sums["memory_cached"],
            memory_available=sums["memory_available"],
            disk_read=sums["disk_read"],
            disk_written=sums["disk_written"],
            net_received=sums["net_received"],
            net_sent=sums["net_sent"],
        )


def recalled(series: Iterable[Series]) -> list[Counters]:
    """Return the looks that stored series amount to, oldest first."""
    moments: dict[int, _Moment] = defaultdict(_Moment)
    for labels, times, values in series:
        if _LOOPBACK in labels:
            continue
        known = dict(labels)
        for time_ms, value in zip(times, values, strict=True):
            if known[METRIC_NAME] != _CPU:
                moments[time_ms].sums[_FIELD_OF_METRIC[known[METRIC_NAME]]] += value
            elif group := _GROUP_OF_MODE.get(known["mode"]):
                moments[time_ms].cores[int(known["cpu"])][group] += value
    looks = (moments[time_ms].counters(time_ms) for time_ms in sorted(moments))
    return [look for look in looks if look is not None]
