"""The senses of the loop: what arrived in a round goes in, what is unusual comes out.

Everything that is remembered is in `Columns`, the keys, and a few small values; all of it goes into a snapshot. Nothing
here decides what an oddity means. Old samples teach and raise nothing, so that a baseline may be loaded at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steersman.engine.detect import following, judging, kernels
from steersman.engine.detect.explaining import explained
from steersman.engine.detect.judgements import table
from steersman.engine.detect.levels import Level, level_of, trend_of
from steersman.engine.detect.registry import Registry, sorted_columns
from steersman.engine.detect.sources import Sources
from steersman.engine.detect.state import Columns
from steersman.engine.detect.versions import Versions
from steersman.engine.detect.wording import ending, reason
from steersman.engine.logs.templates import LogSense
from steersman.engine.signals.terms import Judgement, Signal
from steersman.engine.spans import SpanSense
from steersman.model.entities import Entity
from steersman.model.findings import Aspect, Direction, Finding, FindingSource, Severity
from steersman.model.labels import encode_labels
from steersman.model.plain import plain, read
from steersman.model.rounds import Round, Telemetry, Trend
from steersman.model.topology import Edge

_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
_DIRECTIONS = {judging.UP: Direction.HIGH, judging.DOWN: Direction.LOW, judging.STUCK: Direction.STUCK}
_EDGE_MS = 30_000
#: As many samples as count of a level that was learnt before a hole.
_UNCERTAIN = 5


@dataclass(frozen=True, slots=True)
class DetectRules:
    """What can be set about detection. Times are milliseconds.

    Samples older than `teach_ms` only teach. Of series that no rule knows, not more than `plain_most` findings
    are open at a time. `step_ms` is the resolution of everything.
    """

    teach_ms: int = 180_000
    step_ms: int = 1_000
    plain_most: int = 100
    lost_ms: int = 30_000


Sensed = tuple[tuple[Finding, ...], tuple[Edge, ...], tuple[Entity, ...]]


class Senses:
    """Detection over rounds. One caller at a time; the same rounds give the same findings."""

    def __init__(self, rules: DetectRules | None = None) -> None:
        self._rules = rules or DetectRules()
        self._columns = Columns()
        self._registry = Registry(self._columns)
        self._bounds = table()
        self._numbers = np.full(64, -1, np.int32)
        self._open: dict[int, Finding] = {}
        self._sources = Sources()
        self._versions = Versions()
        self._logs = LogSense()
        self._spans = SpanSense()
        self._now = 0
        self._edges_told = 0
        self._known = 0
        self._events = np.zeros(1 << 12, following.EVENT)
        self._dirty = np.zeros(64, np.int32)

    def fold(self, round: Round) -> Sensed:
        """Return the findings that began, grew or ended, the edges and the entities that became known."""
        self._now = max(self._now, round.now_ms)
        self._introduce(round.telemetry)
        numbers, times, values = self._samples(round.telemetry)
        findings = [*self._fold(numbers, times, values), *self._lost()]
        findings += self._sources.check(self._columns, self._registry, self._now)
        findings += self._versions.check(self._columns, self._registry, self._now)
        findings += self._logs.findings(self._now)
        return tuple(findings), self._edges(), self._entities()

    def _introduce(self, telemetry: Telemetry) -> None:
        for new in telemetry.new_series:
            numbers = self._registry.register(new.keys)
            end = new.first + len(new.keys)
            if end > self._numbers.size:
                larger = np.full(max(end, 2 * self._numbers.size), -1, np.int32)
                larger[: self._numbers.size] = self._numbers
                self._numbers = larger
            self._numbers[new.first : end] = numbers

    def _samples(self, telemetry: Telemetry) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
        """Return the samples of all columns and those made of logs and spans, under this registry's numbers."""
        made = [*self._logs.fold(telemetry.logs, self._now), *self._spans.fold(telemetry.spans, self._now)]
        own = self._registry.register([encode_labels(labels) for labels, _ in made])
        sent = [columns.series for columns in telemetry.samples]
        series = np.concatenate([np.asarray(one, np.int64) for one in sent]) if sent else np.empty(0, np.int64)
        inside = (series >= 0) & (series < self._numbers.size)
        mapped = np.where(inside, self._numbers[np.where(inside, series, 0)], -1)
        times = np.concatenate([np.empty(0, np.int64), *(columns.times for columns in telemetry.samples)])
        values = np.concatenate([np.empty(0, np.float64), *(columns.values for columns in telemetry.samples)])
        kept = mapped >= 0
        # A time in the future would make everything after it late.
        kept &= times <= self._now + 10 * self._rules.step_ms
        numbers = np.concatenate([mapped[kept], own]).astype(np.int32)
        times = np.concatenate([times[kept], np.full(own.size, self._now, np.int64)])
        values = np.concatenate([values[kept], np.array([value for _, value in made], np.float64)])
        return sorted_columns(numbers, times, values, self._rules.step_ms)

    def _fold(self, numbers: NDArray[np.int32], times: NDArray[np.int64], values: NDArray[np.float64]) -> list[Finding]:
        if not times.size:
            return []
        columns, member = self._columns, self._registry.membership
        if self._dirty.size < columns.signals_n:
            self._dirty = np.zeros(columns.signals.size, np.int32)
            self._events = np.zeros(max(1 << 12, 4 * columns.signals.size), following.EVENT)
        told = kernels.fold(
            columns.series, columns.sources, columns.signals, self._bounds, columns.daily, columns.weekly,
            columns.ring_t, columns.ring_v, columns.ring_n,
            member.feeds, member.fed, member.starts, member.members, member.roles, member.groups,
            numbers, times, values, self._rules.step_ms, self._now - self._rules.teach_ms, self._dirty, self._events,
        )  # fmt: skip
        findings = (self._finding(self._events[at]) for at in range(told))
        return [finding for finding in findings if finding is not None]

    def _finding(self, event: Any) -> Finding | None:
        """Turn an event of the kernel into a finding, or into nothing when it is about too small a thing."""
        number, code = int(event["signal"]), int(event["code"])
        if code == following.ENDED:
            known = self._open.pop(number, None)
            if known is None:
                return None
            signal = self._registry.signal(number)
            return replace(known, seen_ms=int(event["t"]), ended_ms=int(event["t"]), reason=ending(signal, event))
        plain = self._registry.is_plain(number)
        if plain and number not in self._open and len(self._open) >= self._rules.plain_most:
            return None
        signal = self._registry.signal(number)
        known = self._open.get(number)
        finding = self._begun(signal, event, known)
        self._open[number] = finding
        return finding

    def _begun(self, signal: Signal, event: Any, known: Finding | None) -> Finding:
        source = _source_of(signal, int(event["why"]))
        if known is not None:
            source = known.source
        severity = explained(self._columns, self._registry, signal, event, _SEVERITIES[int(event["severity"])])
        return Finding(
            key=known.key if known else f"{source}:{signal.entity.ref}:{signal.aspect}:{signal.selector}",
            entity=self._registry.entities.get(signal.entity.ref, signal.entity),
            aspect=signal.aspect,
            direction=_DIRECTIONS[int(event["direction"])],
            source=source,
            severity=severity,
            started_ms=known.started_ms if known else int(event["begun_t"]),
            seen_ms=int(event["t"]),
            reason=reason(signal, event),
            score=round(float(event["score"]), 2),
            value=float(event["value"]),
            expected=float(event["expected"]),
            signal=signal.selector,
            peer=signal.peer,
        )

    def _lost(self) -> list[Finding]:
        """End findings about what is no longer measured."""
        ended = []
        for number, finding in list(self._open.items()):
            row = self._columns.signals[number]
            quiet = self._now - int(row["t"])
            if quiet > self._rules.lost_ms + 3 * float(row["dt"]):
                row["active"] = row["severity"] = row["why"] = 0
                row["heat"] = row["slope"] = 0.0
                del self._open[number]
                why = f"{finding.signal} is no longer measured, for {quiet / 1000:.0f} s"
                ended.append(replace(finding, seen_ms=self._now, ended_ms=self._now, reason=why))
        return ended

    def _edges(self) -> tuple[Edge, ...]:
        """All edges of labels from time to time, so that they do not age, and those of spans as they are seen."""
        edges = list(self._spans.edges(self._now))
        if self._now - self._edges_told >= _EDGE_MS or len(self._registry.edges) != self._known:
            self._edges_told, self._known = self._now, len(self._registry.edges)
            edges += self._registry.edges_at(self._now)
        return tuple(edges)

    def _entities(self) -> tuple[Entity, ...]:
        return self._registry.take_fresh()

    def wake(self) -> None:
        """Say that the process was away: levels are uncertain, and whoever is silent has to be heard anew first."""
        rows = self._columns.signals[: self._columns.signals_n]
        rows["n"] = np.minimum(rows["n"], _UNCERTAIN)
        rows["owed"] = 0.0
        asked = np.isin(rows["judgement"], (int(Judgement.UP), int(Judgement.REPLICA_UP)))
        rows["n"][asked] = 0
        self._columns.sources["live_t"] = 0

    def trends(self, entity: Entity, aspect: Aspect, since_ms: int) -> tuple[Trend, ...]:
        """Return how the signals of an entity's aspect went: before `since_ms`, and now."""
        found = []
        for number in self._registry.by_entity.get(entity.ref, ()):
            signal = self._registry.signal(number)
            trend = trend_of(self._columns, number, signal, since_ms) if signal.aspect is aspect else None
            if trend is not None:
                found.append(trend)
        return tuple(found)

    def levels(self) -> tuple[Level, ...]:
        """Return what is measured now of every derived signal, in the order of their appearance."""
        numbers = (number for number in range(self._columns.signals_n) if not self._registry.is_plain(number))
        levels = (level_of(self._columns, number, self._registry.signal(number), self._now) for number in numbers)
        return tuple(level for level in levels if level is not None)

    def export(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays for an `npz` file; the keys of series are their canonical label bytes."""
        keys = self._registry.all_keys()
        state = {
            "now": self._now,
            "edges": [self._edges_told, self._known],
            "open": [[number, plain(finding)] for number, finding in self._open.items()],
            "sources": self._sources.export(),
            "versions": self._versions.export(),
            "logs": self._logs.export(),
            "spans": self._spans.export(),
        }
        return {
            **self._columns.export(),
            "keys": np.frombuffer(b"".join(keys), np.uint8),
            "key_sizes": np.array([len(key) for key in keys], np.int64),
            "numbers": self._numbers.copy(),
            "state": np.frombuffer(json.dumps(state).encode(), np.uint8),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], rules: DetectRules | None = None) -> Senses:
        """Return senses that go on where `export` was called; `InvalidInput` if that was another version."""
        senses = cls(rules)
        text, ends = arrays["keys"].tobytes(), np.cumsum(arrays["key_sizes"]).tolist()
        senses._registry.register([text[start:end] for start, end in pairwise([0, *ends])])
        senses._restore(arrays, json.loads(arrays["state"].tobytes()))
        return senses

    def _restore(self, arrays: Mapping[str, NDArray[Any]], state: dict[str, Any]) -> None:
        self._columns.restore(arrays)
        self._registry.take_fresh()
        self._numbers = arrays["numbers"].copy()
        self._now, (self._edges_told, self._known) = state["now"], state["edges"]
        self._open = {number: read(Finding, values) for number, values in state["open"]}
        self._sources.restore(state["sources"])
        self._versions.restore(state["versions"])
        self._logs.restore(state["logs"])
        self._spans.restore(state["spans"])


def _source_of(signal: Signal, why: int) -> FindingSource:
    if signal.name.startswith("observed_log"):
        return FindingSource.LOG
    if signal.name.startswith("observed_span"):
        return FindingSource.SPAN
    if signal.judgement in {Judgement.UP, Judgement.REPLICA_UP}:
        return FindingSource.HEALTH
    return FindingSource.THRESHOLD if why == judging.HARD else FindingSource.DETECTOR
