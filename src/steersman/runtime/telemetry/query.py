"""Answers from all places at once: the head and every block that overlaps the question."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.errors import Permanent
from steersman.runtime.telemetry.block import Block
from steersman.runtime.telemetry.head import Columns
from steersman.runtime.telemetry.merge import grouped, joined, offsets_of, ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from steersman.model.ids import Tenant
    from steersman.model.labels import Matcher
    from steersman.runtime.telemetry.manifest import MetricBlock
    from steersman.runtime.telemetry.metrics import LiveMetrics
    from steersman.runtime.telemetry.ports import SeriesSet

#: Blocks whose series stay in memory between questions; two days of two-hour blocks that were not merged yet.
_KEPT_READERS = 24


@dataclass(frozen=True, slots=True)
class Selection:
    """Series and their samples: series `keys[i]` has the samples `offsets[i]:offsets[i + 1]`, ordered by time.

    Keys are canonical label bytes; times are milliseconds UTC. A series without a sample in range is left out.
    """

    keys: list[bytes]
    offsets: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


def combine(parts: Sequence[tuple[list[bytes], Columns]]) -> Selection:
    """Bring answers from several places into one; earlier places win where two have a sample at one time."""
    numbers: dict[bytes, int] = {}
    renumbered = []
    for keys, columns in parts:
        mapping = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int32)
        if columns.series.size:
            renumbered.append(Columns(mapping[columns.series], columns.times, columns.values))
    samples = joined(renumbered)
    if len(renumbered) > 1 or np.any(np.diff(samples.series) < 0):
        samples = grouped(samples, len(numbers))
    samples = ordered(samples)
    offsets = offsets_of(samples.series, len(numbers))
    filled = np.diff(offsets) > 0
    keys = [key for key, found in zip(numbers, filled.tolist(), strict=True) if found]
    return Selection(keys, np.append(offsets[:-1][filled], samples.times.size), samples.times, samples.values)


class MetricQueries:
    """Reads the head and blocks; the blocks are told to it whenever the manifest changes."""

    def __init__(self, live: LiveMetrics, folder: Path, new_series_set: Callable[[], SeriesSet]) -> None:
        self._live, self._folder, self._new_series_set = live, folder, new_series_set
        self._blocks: tuple[MetricBlock, ...] = ()
        self._readers: OrderedDict[str, Block] = OrderedDict()

    def use(self, blocks: tuple[MetricBlock, ...]) -> None:
        """Answer from these blocks from now on."""
        self._blocks = blocks
        names = {one.name for one in blocks}
        for name in [name for name in self._readers if name not in names]:
            self._readers.pop(name, None)

    def _overlapping(self, start: int, end: int) -> list[Block]:
        return [self._reader(one) for one in self._blocks if one.min_ms <= end and one.max_ms >= start]

    def _reader(self, meta: MetricBlock) -> Block:
        reader = self._readers.pop(meta.name, None) or Block(self._folder, meta, self._new_series_set)
        self._readers[meta.name] = reader
        while len(self._readers) > _KEPT_READERS:
            self._readers.popitem(last=False)
        return reader

    def select(self, tenant: Tenant, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Return the matching series' samples in `start..end` (milliseconds, both included)."""
        # The head is read before the list of blocks: what is sealed in between is seen twice, and not never.
        head = self._live.select(tenant, matchers, start, end)
        known = self._blocks
        try:
            blocks = [reader.select(tenant, matchers, start, end) for reader in self._overlapping(start, end)]
        except Permanent:
            if self._blocks is known:
                raise
            # A merge or retention has removed a file under the reader; the new blocks hold the same samples.
            return self.select(tenant, matchers, start, end)
        return combine([*blocks, head])

    def latest(self, tenant: Tenant, matchers: Sequence[Matcher], at: int, lookback: int) -> Selection:
        """Return every matching series' last sample in `at - lookback <= t <= at`."""
        if not self._overlapping(at - lookback, at):
            keys, newest = self._live.latest(tenant, matchers)
            if not np.any(newest.times > at):
                fresh = newest.times >= at - lookback
                keys = [key for key, good in zip(keys, fresh.tolist(), strict=True) if good]
                return Selection(keys, np.arange(len(keys) + 1), newest.times[fresh], newest.values[fresh])
        found = self.select(tenant, matchers, at - lookback, at)
        last = found.offsets[1:] - 1
        return Selection(found.keys, np.arange(len(found.keys) + 1), found.times[last], found.values[last])

    def keys(self, tenant: Tenant, matchers: Sequence[Matcher], start: int, end: int) -> list[bytes]:
        """Return the keys of matching series that live in the head or in a block that overlaps the range."""
        series = self._live.series
        found = dict.fromkeys(series.canonical(int(one)) for one in series.select(tenant, matchers))
        for reader in self._overlapping(start, end):
            index = reader.index
            found.update(dict.fromkeys(index.canonical(int(one)) for one in index.select(tenant, matchers)))
        return list(found)

    def _series_sets(self, start: int, end: int) -> list[SeriesSet]:
        return [self._live.series, *(reader.index for reader in self._overlapping(start, end))]

    def label_names(self, tenant: Tenant, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """Return the sorted label names over the same series as `keys`."""
        sets = self._series_sets(start, end)
        return sorted({name for one in sets for name in one.label_names(tenant, matchers)})

    def label_values(self, tenant: Tenant, name: str, matchers: Sequence[Matcher], start: int, end: int) -> list[str]:
        """Return the sorted values of one label over the same series as `keys`."""
        sets = self._series_sets(start, end)
        return sorted({value for one in sets for value in one.label_values(tenant, name, matchers)})
