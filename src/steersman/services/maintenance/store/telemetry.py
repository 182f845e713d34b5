"""Signs in the telemetry store: last values, growth within a week, restarts, and lines of the kernel.

It reads the default tenant's telemetry, a bounded part at a time, and writes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from steersman.engine.logs.query import parse
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp, decode_labels
from steersman.services.maintenance.logic.kernel_lines import QUERY, disk_of, signs_in
from steersman.services.maintenance.logic.rules import PROBES, Probe
from steersman.services.maintenance.model.hazard import ComponentKey, Part, Restarts, Rule, Sign

if TYPE_CHECKING:
    from steersman.runtime.telemetry.query import Selection
    from steersman.runtime.telemetry.store import TelemetryStore

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_WEEK_MS = 7 * DAY_MS
#: SMART exporters run as seldom as once in some hours.
_LOOKBACK_MS = 6 * HOUR_MS
_MOST_LINES = 1_000
_MOST_SERVICES = 500
_STARTS = (Matcher(METRIC_NAME, MatchOp.EQUAL, "process_start_time_seconds"),)
#: Samples that one question may bring, at a sample a second of each series; with very many series, a week is too long.
_PIECE_SAMPLES = 1_000_000
_LEAST_PIECE_MS = 60_000
_MANY_SERIES = 5_000
_QUERY = parse(QUERY)
_SERVICE_LABELS = ("service", "service_name", "job")
_NO_DISKS = ("loop", "ram", "dm-", "sr", "zram", "md")


@dataclass(slots=True)
class Evidence:
    """Collects signs from the store; it remembers lines and restarts of a week, so that each look reads only news."""

    store: TelemetryStore
    _lines: deque[tuple[int, Rule, ComponentKey, str]] = field(default_factory=deque)
    _lines_until_ms: int = 0
    _starts: dict[ComponentKey, deque[int]] = field(default_factory=dict)
    _started: dict[ComponentKey, float] = field(default_factory=dict)
    _first_seen: dict[ComponentKey, int] = field(default_factory=dict)
    _starts_until_ms: int = 0

    def inventory(self, now_ms: int) -> Iterator[ComponentKey]:
        """Yield the machines and disks that telemetry tells of, whether or not anything is wrong with them."""
        for labels in _labels(self._latest("node_memory_MemTotal_bytes", now_ms)):
            yield ComponentKey(Part.HOST, _host(labels))
            yield ComponentKey(Part.MEMORY, _host(labels))
        for labels in _labels(self._latest("node_disk_io_time_seconds_total", now_ms)):
            if not labels.get("device", "").startswith(_NO_DISKS):
                yield ComponentKey(Part.DISK, _host(labels), labels.get("device", ""))

    def signs(self, now_ms: int) -> Iterator[tuple[ComponentKey, Sign]]:
        """Yield what series say now."""
        for probe in PROBES:
            found = self._latest(probe.metric, now_ms, probe.labels)
            before = self._before(probe, found, now_ms)
            for key, labels, value in zip(found.keys, _labels(found), found.values.tolist(), strict=True):
                grown = value - before.get(key, value) if probe.reading == "growth" else value
                # A counter that starts again has grown by what it shows.
                amount = value if grown < 0 and probe.metric.endswith("_total") else grown
                if (amount < probe.above) if probe.below else (amount > probe.above):
                    text = probe.rule.words.format(value=amount)
                    yield _component(probe.rule.part, labels), Sign(probe.rule, text, _selector(labels), now_ms)

    def _before(self, probe: Probe, found: Selection, now_ms: int) -> Mapping[bytes, float]:
        """Return values of a week ago, or of a day or an hour ago where a series is younger."""
        if probe.reading != "growth" or not np.any(found.values > 0):
            return {}
        values: dict[bytes, float] = {}
        for ago in (HOUR_MS, DAY_MS, _WEEK_MS):
            old = self._latest(probe.metric, now_ms - ago, probe.labels)
            values.update(zip(old.keys, old.values.tolist(), strict=True))
        return values

    def _latest(self, metric: str, at_ms: int, labels: Mapping[str, str] | None = None) -> Selection:
        given = {METRIC_NAME: metric, **(labels or {})}
        matchers = [Matcher(name, MatchOp.EQUAL, value) for name, value in given.items()]
        return self.store.queries.latest(DEFAULT_TENANT, matchers, at_ms, _LOOKBACK_MS)

    # ------------------------------------------------------------------ lines

    def lines(self, now_ms: int) -> Iterator[tuple[ComponentKey, Sign]]:
        """Yield what the kernel and smartd said within a week, counted by rule and component."""
        since = max(self._lines_until_ms + 1, now_ms - _WEEK_MS)
        found = self.store.logs.search(
            DEFAULT_TENANT, _QUERY, since * 1_000_000, now_ms * 1_000_000 + 999_999, _MOST_LINES, newest_first=False
        )
        for row in found.rows:
            line, host = str(row["body"]), _host(row.get("attributes") or {})
            for rule, key in signs_in(str(row["service"]), host, line):
                self._lines.append((int(row["time_ns"]) // 1_000_000, rule, key, line))
        self._lines_until_ms = now_ms
        while self._lines and (self._lines[0][0] < now_ms - _WEEK_MS or len(self._lines) > _MOST_LINES):
            self._lines.popleft()
        counted: dict[tuple[ComponentKey, str], list[tuple[int, Rule, str]]] = {}
        for seen_ms, rule, key, line in self._lines:
            counted.setdefault((key, rule.name), []).append((seen_ms, rule, line))
        for (key, _), said in counted.items():
            seen_ms, rule, line = said[-1]
            yield key, Sign(rule, rule.words.format(value=len(said)), line[:200], seen_ms)

    # ------------------------------------------------------------------ restarts

    def restarts(self, now_ms: int) -> dict[ComponentKey, Restarts]:
        """Return how often each service's processes started anew within a week, or since they were first seen."""
        begin = max(self._starts_until_ms + 1, now_ms - _WEEK_MS)
        series = len(self.store.queries.keys(DEFAULT_TENANT, _STARTS, begin, now_ms))
        if series > _MANY_SERIES:
            begin = max(begin, now_ms - HOUR_MS)
        piece = min(max(_PIECE_SAMPLES * 1000 // max(1, series), _LEAST_PIECE_MS), HOUR_MS)
        while series and begin <= now_ms:
            end = min(begin + piece - 1, now_ms)
            self._note_starts(begin, end)
            begin = end + 1
        self._starts_until_ms = now_ms
        return {key: self._counted(key, now_ms) for key in sorted(self._first_seen)}

    def _note_starts(self, begin_ms: int, end_ms: int) -> None:
        found = self.store.queries.select(DEFAULT_TENANT, _STARTS, begin_ms, end_ms)
        for number, labels in enumerate(_labels(found)):
            key = _service(labels)
            if not key.where or (key not in self._first_seen and len(self._first_seen) >= _MOST_SERVICES):
                continue
            samples = slice(int(found.offsets[number]), int(found.offsets[number + 1]))
            times, values = found.times[samples], found.values[samples]
            self._first_seen.setdefault(key, int(times[0]))
            known = np.concatenate([[self._started.get(key, values[0])], values])
            # The same start is told with different fractions of a second by some; a real one is later by more.
            anew = np.flatnonzero(np.diff(known) > 1.0)
            self._starts.setdefault(key, deque(maxlen=10_000)).extend(times[anew].tolist())
            self._started[key] = float(values[-1])

    def _counted(self, key: ComponentKey, now_ms: int) -> Restarts:
        starts = self._starts.get(key, deque())
        while starts and starts[0] < now_ms - _WEEK_MS:
            starts.popleft()
        return Restarts(len(starts), min(now_ms - self._first_seen[key], _WEEK_MS) / DAY_MS)


def _labels(found: Selection) -> list[dict[str, str]]:
    return [dict(decode_labels(key)) for key in found.keys]


def _host(labels: Mapping[str, str]) -> str:
    return labels.get("nodename") or labels.get("instance") or labels.get("host.name") or "localhost"


def _service(labels: Mapping[str, str]) -> ComponentKey:
    name = next((labels[label] for label in _SERVICE_LABELS if labels.get(label)), "")
    return ComponentKey(Part.SERVICE, name, labels.get("replica", ""))


def _component(part: Part, labels: Mapping[str, str]) -> ComponentKey:
    if part is not Part.DISK:
        return ComponentKey(part, _host(labels))
    return ComponentKey(part, _host(labels), disk_of(labels.get("disk") or labels.get("device") or ""))


def _selector(labels: Mapping[str, str]) -> str:
    others = ",".join(f'{name}="{value}"' for name, value in labels.items() if name != METRIC_NAME)
    return f"{labels.get(METRIC_NAME, '')}{{{others}}}"
