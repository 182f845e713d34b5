"""Which series there are, which signals they feed, and who they belong to.

Numbers are given in the order of appearance and never taken back, so that the same rounds give the same numbers, and a
snapshot needs only the keys to build all of this again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steersman.engine.detect.state import Columns, grown
from steersman.engine.series.key_table import KeyTable
from steersman.engine.signals.classify import classify
from steersman.engine.signals.terms import Classified, Feed, Judgement, Reading, Signal
from steersman.model.entities import Entity
from steersman.model.labels import decode_labels
from steersman.model.topology import Edge, EdgeKind

#: The source of the series that this process makes of logs and spans; it is never missed.
OBSERVED = "observed"


@dataclass(frozen=True, slots=True)
class Membership:
    """The signals of each series and the members of each signal, as compressed rows for the kernels."""

    feeds: NDArray[np.int32]
    fed: NDArray[np.int32]
    starts: NDArray[np.int32]
    members: NDArray[np.int32]
    roles: NDArray[np.int32]
    groups: NDArray[np.int32]


@dataclass(slots=True)
class _Pairs:
    """(signal, series, role, group) in the order of registration."""

    rows: NDArray[np.int32] = field(default_factory=lambda: np.zeros((64, 4), np.int32))
    size: int = 0

    def add(self, signal: int, series: int, role: int, group: int) -> None:
        self.rows = grown(self.rows, self.size, self.size + 1)
        self.rows[self.size] = signal, series, role, group
        self.size += 1


def _compressed(sorted_numbers: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    starts = np.zeros(size + 1, np.int32)
    np.cumsum(np.bincount(sorted_numbers, minlength=size), out=starts[1:])
    return starts


class Registry:
    """Knows every series by its canonical bytes. Plain signals are kept as the number of their series only."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.keys = KeyTable()
        self.entities: dict[str, Entity] = {}
        self.edges: dict[tuple[EdgeKind, str, str], tuple[Entity, Entity]] = {}
        self.source_names: list[str] = []
        self.source_entities: list[Entity] = []
        self.source_owners: list[str] = []
        self.by_entity: dict[str, list[int]] = {}  # derived signals only
        self.infos: dict[int, Classified] = {}
        self._sources: dict[str, int] = {}
        self._signals: dict[tuple[str, str, str], int] = {}
        self._derived: dict[int, Signal] = {}
        self._plain = np.zeros(64, np.int32)  # series of a plain signal
        self._groups: dict[tuple[int, str], int] = {}
        self._pairs = _Pairs()
        self._membership: Membership | None = None
        self._fresh: dict[str, Entity] = {}

    def take_fresh(self) -> tuple[Entity, ...]:
        """Return the entities that became known, or got other labels, since this was asked last."""
        fresh, self._fresh = tuple(self._fresh.values()), {}
        return fresh

    def register(self, keys: Sequence[bytes]) -> NDArray[np.int32]:
        """Return the number of every series; those that are new are classified."""
        before = self.keys.size
        numbers = self.keys.add_many(keys)
        for number in range(before, self.keys.size):
            self._begin(number)
        return numbers

    def _begin(self, number: int) -> None:
        found = classify(decode_labels(self.keys.key(number)))
        source = self._source(found)
        self.columns.add_series(int(found.reading), found.scale, source)
        if found.reading is Reading.INFO:
            self.infos[number] = found
        for feed in found.feeds:
            self._feed(number, feed)
        self._know(found)
        self._membership = None

    def _source(self, found: Classified) -> int:
        if found.source not in self._sources:
            self._sources[found.source] = self.columns.add_source()
            self.source_names.append(found.source)
            self.source_entities.append(found.owner or found.entity)
            self.source_owners.append(found.entity.ref)
        return self._sources[found.source]

    def _feed(self, number: int, feed: Feed) -> None:
        signal = feed.signal
        if signal.judgement is Judgement.PLAIN:
            at = self._new_signal(signal)
            self._plain = grown(self._plain, at, at + 1)
            self._plain[at] = number
        else:
            known = self._signals.get(signal.key)
            at = self._new_signal(signal) if known is None else known
            self._signals[signal.key] = at
            self._derived[at] = signal
        group = self._groups.setdefault((at, feed.group), len(self._groups)) if signal.across else 0
        self._pairs.add(at, number, int(feed.role), group)

    def _new_signal(self, signal: Signal) -> int:
        ring = signal.judgement is not Judgement.PLAIN
        at = self.columns.add_signal(int(signal.formula), int(signal.across), int(signal.judgement), ring=ring)
        if ring:
            self.by_entity.setdefault(signal.entity.ref, []).append(at)
        return at

    def _know(self, found: Classified) -> None:
        entity = found.entity
        for one in filter(None, (entity, found.owner, found.host, found.peer)):
            known = self.entities.get(one.ref)
            if known is None or (one.labels and one.labels != known.labels):
                self.entities[one.ref] = one
                self._fresh[one.ref] = one
        if found.peer is not None:
            self._edge(EdgeKind.CALLS, entity, found.peer)
        if found.owner is not None:
            self._edge(EdgeKind.OWNS, entity, found.owner)
        if found.host is not None:
            self._edge(EdgeKind.RUNS_ON, entity, found.host)

    def _edge(self, kind: EdgeKind, source: Entity, target: Entity) -> None:
        if source.ref != target.ref:
            self.edges[kind, source.ref, target.ref] = (source, target)

    def edges_at(self, now_ms: int) -> Iterable[Edge]:
        """Yield the edges that labels tell of."""
        return (Edge(kind, *ends, seen_ms=now_ms) for (kind, _, _), ends in self.edges.items())

    def signal(self, number: int) -> Signal:
        """Return what a signal is."""
        known = self._derived.get(number)
        if known is not None:
            return known
        labels = decode_labels(self.keys.key(int(self._plain[number])))
        return classify(labels).feeds[0].signal

    def is_plain(self, number: int) -> bool:
        """Say whether a signal is one series that no rule knows."""
        return number not in self._derived

    @property
    def membership(self) -> Membership:
        """Who feeds what, for the kernels. Members of a signal stand in the order of group and series."""
        if self._membership is None:
            self._membership = self._sorted()
        return self._membership

    def _sorted(self) -> Membership:
        rows = self._pairs.rows[: self._pairs.size]
        by_series = rows[np.argsort(rows[:, 1], kind="stable")]
        by_signal = rows[np.lexsort((rows[:, 1], rows[:, 3], rows[:, 0]))]
        columns = [np.ascontiguousarray(by_signal[:, at]) for at in (1, 2, 3)]
        return Membership(
            feeds=_compressed(by_series[:, 1], self.columns.series_n),
            fed=np.ascontiguousarray(by_series[:, 0]),
            starts=_compressed(by_signal[:, 0], self.columns.signals_n),
            members=columns[0],
            roles=columns[1],
            groups=columns[2],
        )

    def all_keys(self) -> list[bytes]:
        """Return the keys of all series in the order of their numbers."""
        return [self.keys.key(number) for number in range(self.keys.size)]


def sorted_columns(numbers: Any, times: Any, values: Any, step_ms: int) -> tuple[Any, Any, Any]:
    """Return samples by second, series, time and value: the order that no batch border can change."""
    order = np.lexsort((values, times, numbers, times // step_ms))
    return np.ascontiguousarray(numbers[order]), np.ascontiguousarray(times[order]), np.ascontiguousarray(values[order])
