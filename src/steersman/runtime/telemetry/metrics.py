"""Live metrics in memory: series, their newest samples, and the generations that hold the rest.

One thread at a time changes this; questions come from any thread and hold the lock while they copy samples out.
It does no I/O: what must reach the disk is handed out as a `Pending` and the caller says when it is there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steersman.model.telemetry import Refusal
from steersman.runtime.telemetry.head import Columns, Generation, Limits, Newest
from steersman.runtime.telemetry.merge import joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from steersman.model.ids import Tenant
    from steersman.model.labels import Matcher
    from steersman.model.telemetry import MetricBatch
    from steersman.runtime.telemetry.ports import Scan, SeriesSet

#: Series without a sample in any generation are forgotten once they are this many and this share of all.
_LEAST_DEAD = 10_000
_DEAD_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Rules:
    """What is accepted. Times in milliseconds; `retention` bounds how far back a new series may start."""

    retention: int
    window: int
    ahead: int
    max_series: int

    def limits(self, received_ms: int) -> Limits:
        """Return the limits for a request that came at a given time."""
        return Limits(received_ms - self.retention, received_ms + self.ahead, self.window)


@dataclass(frozen=True, slots=True)
class Pending:
    """What a checkpoint has to write of one generation: new series `first..last` of a set, and new samples."""

    generation: int
    epoch: int
    series: SeriesSet
    first_series: int
    last_series: int
    batches: tuple[Columns, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Samples that are in the store now (repeated ones included), and those that are not."""

    samples: int
    refused: tuple[Refusal, ...]


class LiveMetrics:
    """The head: see the module."""

    def __init__(self, series: SeriesSet, rules: Rules) -> None:
        self.series = series
        self.rules = rules
        self.epoch = 1
        self.newest = Newest()
        self.generations: tuple[Generation, ...] = (Generation(1),)
        self.samples_total = 0
        self._persisted_series = 0
        self._pending: list[Columns] = []
        self._unwritten: tuple[Pending, ...] = ()
        self._lock = threading.Lock()

    @property
    def current(self) -> Generation:
        """The generation that takes samples."""
        return self.generations[-1]

    @property
    def pending_samples(self) -> int:
        """Samples that no checkpoint holds yet."""
        waiting = [*self._pending, *(batch for one in self._unwritten for batch in one.batches)]
        return sum(batch.times.size for batch in waiting)

    @property
    def unwritten(self) -> bool:
        """Whether a checkpoint failed and what it took is still to be written."""
        return bool(self._unwritten)

    @property
    def memory(self) -> int:
        """Bytes that the samples of all generations take."""
        return sum(generation.memory for generation in self.generations)

    def append_scan(self, scope: int, scan: Scan, received_ms: int) -> Outcome:
        """Take a remote write 1.0 request that was scanned against the present series."""
        if not scan.unknown:
            return self._append(Columns(scan.series, scan.times, scan.values), received_ms, ())
        numbers, refused = self._register(scope, [key for _, key in scan.unknown])
        for (spelling, key), number in zip(scan.unknown, numbers.tolist(), strict=True):
            if spelling != key and number >= 0:
                self.series.add_spelling(scope, spelling, number)
        series = scan.series.copy()
        strange = series < 0
        series[strange] = numbers[-1 - series[strange]]
        return self._append_known(Columns(series, scan.times, scan.values), received_ms, refused)

    def append_batch(self, scope: int, batch: MetricBatch, received_ms: int) -> Outcome:
        """Take samples whose series are named by canonical keys."""
        numbers, refused = self._register(scope, batch.keys)
        return self._append_known(Columns(numbers[batch.series], batch.times, batch.values), received_ms, refused)

    def _register(self, scope: int, keys: Sequence[bytes]) -> tuple[NDArray[np.int32], int]:
        """Return the series of the keys, -1 where the limit forbids a new one, and how many that were."""
        if self.series.size + len(keys) <= self.rules.max_series:
            return self.series.add(scope, keys), 0
        numbers = np.array([self.series.find(scope, key) for key in keys], np.int32)
        room = max(self.rules.max_series - self.series.size, 0)
        fresh = np.flatnonzero(numbers < 0)
        allowed = fresh[:room]
        if allowed.size:
            numbers[allowed] = self.series.add(scope, [keys[int(one)] for one in allowed])
        return numbers, int(np.count_nonzero(numbers < 0))

    def _append_known(self, columns: Columns, received_ms: int, refused_series: int) -> Outcome:
        if not refused_series:
            return self._append(columns, received_ms, ())
        known = columns.series >= 0
        reason = (
            f"{refused_series} new series are above the limit of {self.rules.max_series} "
            "(setting telemetry.max_series): look for a label with unbounded values"
        )
        lost = int(np.count_nonzero(~known))
        kept = Columns(columns.series[known], columns.times[known], columns.values[known])
        return self._append(kept, received_ms, (Refusal(lost, reason),))

    def _append(self, columns: Columns, received_ms: int, refused: tuple[Refusal, ...]) -> Outcome:
        if not columns.series.size:
            return Outcome(0, refused)
        with self._lock:
            self.newest.reserve(self.series.size)
            done = self.current.append(columns, self.rules.limits(received_ms), self.newest)
        kept = done.kept.times.size
        if kept:
            self._pending.append(done.kept)
            self.samples_total += kept
        if done.outside:
            hours = self.rules.window / 3_600_000
            reason = (
                f"samples are more than {hours:g} h older than their series' newest, before retention, or in the future"
            )
            refused = (*refused, Refusal(done.outside, reason))
        if done.conflicting:
            refused = (*refused, Refusal(done.conflicting, "duplicate sample for a timestamp with another value"))
        return Outcome(kept + done.repeated, refused)

    def restore(self, generation: Generation, columns: Columns) -> None:
        """Take samples that a checkpoint holds: they were accepted once and are accepted again."""
        self.newest.reserve(self.series.size)
        everything = Limits(np.iinfo(np.int64).min, np.iinfo(np.int64).max, np.iinfo(np.int64).max // 4)
        generation.append(columns, everything, self.newest)

    def restored(self, epoch: int, persisted_series: int, generations: tuple[Generation, ...]) -> None:
        """Go on from restored generations, the last of which takes samples."""
        self.epoch, self.generations = epoch, generations
        self._persisted_series = persisted_series
        self.newest.reserve(self.series.size)

    def take_pending(self) -> tuple[Pending, ...]:
        """Hand out what is not on disk yet, oldest first; `give_back` undoes it when writing failed."""
        first, self._persisted_series = self._persisted_series, self.series.size
        batches, self._pending = tuple(self._pending), []
        fresh = Pending(self.current.number, self.epoch, self.series, first, self.series.size, batches)
        taken, self._unwritten = (*self._unwritten, fresh), ()
        return taken

    def give_back(self, pending: tuple[Pending, ...]) -> None:
        """Take back what could not be written; the next checkpoint tries again."""
        self._unwritten = pending

    def rotate(self) -> None:
        """Begin a new generation; the present one no longer changes. Call right after `take_pending`.

        Series that have died are forgotten here, because only here nothing else holds their numbers.
        """
        live = self.current.has_samples(self.series.size)
        for generation in self.generations[:-1]:
            live |= generation.has_samples(self.series.size)
        dead = self.series.size - int(np.count_nonzero(live))
        if dead > max(_LEAST_DEAD, _DEAD_SHARE * self.series.size):
            self._forget(np.flatnonzero(live).astype(np.int32))
        self.generations = (*self.generations, Generation(self.current.number + 1))

    def _forget(self, chosen: NDArray[np.int32]) -> None:
        smaller = self.series.only(chosen)
        with self._lock:
            for generation in self.generations:
                generation.renumber(chosen)
            self.newest.renumber(chosen)
            self.series = smaller
        self.epoch += 1
        self._persisted_series = 0

    def drop(self, number: int) -> None:
        """Forget a generation that a block has replaced."""
        self.generations = tuple(one for one in self.generations if one.number != number)

    def select(self, tenant: Tenant, matchers: Sequence[Matcher], start: int, end: int) -> tuple[list[bytes], Columns]:
        """Return the keys of matching series and their samples in `start..end`, numbered by position, as they came."""
        series, chosen = self._chosen(tenant, matchers)
        with self._lock:
            if self.series is series:
                parts = [
                    generation.gather(chosen, start, end)
                    for generation in self.generations
                    if generation.samples and generation.oldest <= end and generation.newest >= start
                ]
                return [series.canonical(number) for number in chosen.tolist()], joined(parts)
        return self.select(tenant, matchers, start, end)

    def latest(self, tenant: Tenant, matchers: Sequence[Matcher]) -> tuple[list[bytes], Columns]:
        """Return the keys of matching series and the newest sample of each since the start, if it has one."""
        series, chosen = self._chosen(tenant, matchers)
        with self._lock:
            if self.series is series:
                chosen = chosen[chosen < self.newest.size]
                times, values = self.newest.times[chosen], self.newest.bits[chosen].view(np.float64)
                keys = [series.canonical(number) for number in chosen.tolist()]
                return keys, Columns(np.arange(chosen.size, dtype=np.int32), times, values)
        return self.latest(tenant, matchers)

    def _chosen(self, tenant: Tenant, matchers: Sequence[Matcher]) -> tuple[SeriesSet, NDArray[np.int32]]:
        """Select outside the lock. When series are renumbered meanwhile, the caller starts over."""
        series = self.series
        return series, series.select(tenant, matchers)
