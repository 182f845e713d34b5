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
#: Label bytes of one series at most. Real ones take some hundreds; without a bound the limit of series bounds nothing.
_LONGEST_KEY = 1 << 16
#: In the place of a series' number: why it may not begin.
_UNTIMELY, _ABOVE_LIMIT, _TOO_LONG = -1, -2, -3
_NO_TIMES = np.empty(0, np.int64)


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
    """Samples that are in the store now (repeated ones included), those that are not, and the new ones themselves."""

    samples: int
    refused: tuple[Refusal, ...]
    kept: Columns


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
        strange = scan.series < 0
        owners = -1 - scan.series[strange]
        keys = [key for _, key in scan.unknown]
        numbers = self._register(scope, keys, self._in_time(len(keys), owners, scan.times[strange], received_ms))
        for (spelling, key), number in zip(scan.unknown, numbers.tolist(), strict=True):
            if spelling != key and number >= 0:
                self.series.add_spelling(scope, spelling, number)
        series = scan.series.copy()
        series[strange] = numbers[owners]
        return self._append_known(Columns(series, scan.times, scan.values), received_ms)

    def append_batch(self, scope: int, batch: MetricBatch, received_ms: int) -> Outcome:
        """Take samples whose series are named by canonical keys."""
        in_time = self._in_time(len(batch.keys), batch.series, batch.times, received_ms)
        numbers = self._register(scope, batch.keys, in_time)
        return self._append_known(Columns(numbers[batch.series], batch.times, batch.values), received_ms)

    def _in_time(
        self, keys: int, owners: NDArray[np.int32], times: NDArray[np.int64], received_ms: int
    ) -> NDArray[np.bool_]:
        """Say for each key whether any of its samples may be kept: a new series without one would be a husk."""
        limits = self.rules.limits(received_ms)
        fitting = owners[(times >= limits.oldest) & (times <= limits.latest)]
        return np.bincount(fitting, minlength=keys) > 0

    def _register(self, scope: int, keys: Sequence[bytes], in_time: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the series of the keys; for those that may not begin, the reason, which is below zero."""
        longest = max(map(len, keys), default=0)
        if in_time.all() and longest <= _LONGEST_KEY and self.series.size + len(keys) <= self.rules.max_series:
            return self.series.add(scope, keys)
        numbers = np.array([self.series.find(scope, key) for key in keys], np.int32)
        new = numbers < 0
        long = np.array([len(key) > _LONGEST_KEY for key in keys], np.bool_)
        numbers[new & ~in_time] = _UNTIMELY
        numbers[new & long] = _TOO_LONG
        fresh = np.flatnonzero(new & in_time & ~long)
        # A request may name one series twice, and that takes one place.
        waiting = list(dict.fromkeys(keys[one] for one in fresh.tolist()))
        room = max(self.rules.max_series - self.series.size, 0)
        begun = dict(zip(waiting[:room], self.series.add(scope, waiting[:room]).tolist(), strict=True))
        numbers[fresh] = [begun.get(keys[one], _ABOVE_LIMIT) for one in fresh.tolist()]
        return numbers

    def _append_known(self, columns: Columns, received_ms: int) -> Outcome:
        """Take the samples whose series have a number, and say why not the others."""
        known = columns.series >= 0
        if known.all():
            return self._append(columns, received_ms)
        reasons = {
            _ABOVE_LIMIT: f"the series is new, and the store holds {self.rules.max_series} already "
            "(setting telemetry.store.max_series): look for a label with unbounded values",
            _TOO_LONG: f"the labels of the series take more than {_LONGEST_KEY} bytes",
        }
        counts = {number: int(np.count_nonzero(columns.series == number)) for number in reasons}
        refused = tuple(Refusal(counts[number], reason) for number, reason in reasons.items() if counts[number])
        kept = Columns(columns.series[known], columns.times[known], columns.values[known])
        return self._append(kept, received_ms, refused, columns.times[columns.series == _UNTIMELY])

    def _append(
        self,
        columns: Columns,
        received_ms: int,
        refused: tuple[Refusal, ...] = (),
        untimely: NDArray[np.int64] = _NO_TIMES,
    ) -> Outcome:
        """Take samples of numbered series. The times of samples that were turned away before are only reported."""
        limits = self.rules.limits(received_ms)
        with self._lock:
            self.newest.reserve(self.series.size)
            done = self.current.append(columns, limits, self.newest)
        kept = done.kept.times.size
        if kept:
            self._pending.append(done.kept)
            self.samples_total += kept
        if outside := done.outside + untimely.size:
            refused = (*refused, *self._outside(np.concatenate([columns.times, untimely]), limits, outside))
        if done.conflicting:
            refused = (*refused, Refusal(done.conflicting, "duplicate sample for a timestamp with another value"))
        return Outcome(kept + done.repeated, refused, done.kept)

    def _outside(self, times: NDArray[np.int64], limits: Limits, count: int) -> list[Refusal]:
        """Say of the `count` samples among `times` that came at the wrong time how many are wrong in which way."""
        rules = self.rules
        ahead = int(np.count_nonzero(times > limits.latest))
        before = int(np.count_nonzero(times < limits.oldest))
        found = (
            (ahead, f"the time is more than {rules.ahead / 60_000:g} minutes ahead: compare the sender's clock"),
            (before, f"the time is before retention, which keeps {rules.retention / 86_400_000:g} days"),
            (count - ahead - before, f"more than {rules.window / 3_600_000:g} h older than the newest of its series"),
        )
        return [Refusal(number, reason) for number, reason in found if number]

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
