"""Long histories at a coarse step, kept between looks so that each look reads only what is new.

A metric is read piece by piece, each of a bounded number of samples, and only the coarse points stay. Beyond the cap
series are left out and counted. It reads the default tenant's telemetry and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from steersman.engine.forecast.regular import means, rates
from steersman.model.ids import DEFAULT_TENANT
from steersman.model.labels import METRIC_NAME, Labels, Matcher, MatchOp, decode_labels
from steersman.services.capacity.model.bounded import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from steersman.runtime.telemetry.query import MetricQueries, Selection

Reading = Literal["mean", "rate"]

#: Samples that one piece should have; as columns they are ten megabytes.
_PIECE_SAMPLES = 600_000
_FIRST_PIECE_MS = 3_600_000
_LONGEST_PIECE_MS = 2 * 86_400_000
#: A counter whose samples are further apart says nothing about its rate in between.
_SILENCE_MS = 600_000
#: Samples may come in late: so much of what was read is read again.
_LATE_STEPS = 2


@dataclass(slots=True)
class _Kept:
    """The points of one metric, by series. `end_step` is the number of the last step, since 1970."""

    end_step: int
    grids: dict[bytes, NDArray[np.float32]] = field(default_factory=dict)
    left_out: int = 0


@dataclass(slots=True)
class Histories:
    """Grids of `length` points of `step_ms`, by metric. Not for several threads at once.

    `queries` is asked for each time: the store begins anew with other ones when it restores.
    """

    queries: Callable[[], MetricQueries]
    step_ms: int
    length: int
    most: int
    _kept: dict[tuple[str, Reading], _Kept] = field(default_factory=dict)

    def read(self, metric: str, now_ms: int, reading: Reading = "mean") -> dict[Labels, Grid]:
        """Return the grid of every series of a metric, up to the last whole step before `now_ms`."""
        end_step = now_ms // self.step_ms - 1
        kept = self._kept.get((metric, reading))
        if kept is None or not 0 <= end_step - kept.end_step < self.length:
            kept = _Kept(end_step - self.length)
            self._kept[metric, reading] = kept
        self._catch_up(kept, metric, reading, end_step)
        end_ms = (end_step + 1) * self.step_ms
        return {
            decode_labels(key): Grid(points.astype(np.float64), self.step_ms, end_ms)
            for key, points in kept.grids.items()
        }

    def left_out(self) -> tuple[tuple[str, int], ...]:
        """Return how many series are beyond the cap, by metric."""
        return tuple(sorted((metric, kept.left_out) for (metric, _), kept in self._kept.items() if kept.left_out))

    def _catch_up(self, kept: _Kept, metric: str, reading: Reading, end_step: int) -> None:
        first = max(kept.end_step + 1 - _LATE_STEPS, end_step + 1 - self.length)
        if end_step < first:
            return
        start_ms, end_ms = first * self.step_ms, (end_step + 1) * self.step_ms
        known = sorted(self.queries().keys(DEFAULT_TENANT, [_named(metric)], start_ms, end_ms - 1))
        # Whoever is followed already stays, so that a cap does not cut histories short.
        keys = sorted(known, key=lambda key: key not in kept.grids)[: self.most]
        kept.left_out = len(known) - len(keys)
        self._shift(kept, end_step, keys)
        if keys:
            chosen = [[_named(metric)]] if len(keys) == len(known) else [_exactly(key) for key in keys]
            for matchers in chosen:
                self._take(kept, matchers, len(keys) if len(chosen) == 1 else 1, reading, start_ms, end_ms)

    def _shift(self, kept: _Kept, end_step: int, keys: Sequence[bytes]) -> None:
        """Move every grid on to its new end, forget series without a point, and make room for new ones."""
        by = end_step - kept.end_step
        for key, points in list(kept.grids.items()):
            points[: -by or None] = points[by:]
            points[self.length - by :] = np.nan
            if key not in keys and not np.isfinite(points).any():
                del kept.grids[key]
        for key in keys:
            if key not in kept.grids and len(kept.grids) < 2 * self.most:
                kept.grids[key] = np.full(self.length, np.nan, np.float32)
        kept.end_step = end_step

    def _take(
        self, kept: _Kept, matchers: Sequence[Matcher], series: int, reading: Reading, start_ms: int, end_ms: int
    ) -> None:
        for begin, end, found in self._pieces(matchers, series, reading, start_ms, end_ms):
            count = (end - begin) // self.step_ms
            at = begin // self.step_ms - (kept.end_step + 1 - self.length)
            for number, key in enumerate(found.keys):
                points = kept.grids.get(key)
                if points is None:
                    continue
                samples = slice(int(found.offsets[number]), int(found.offsets[number + 1]))
                times, values = found.times[samples], found.values[samples]
                if reading == "rate":
                    new = rates(times, values, begin, self.step_ms, count, silence_ms=_SILENCE_MS)
                else:
                    new = means(times, values, begin, self.step_ms, count)
                points[at : at + count] = np.where(np.isnan(new), points[at : at + count], new)

    def _pieces(
        self, matchers: Sequence[Matcher], series: int, reading: Reading, start_ms: int, end_ms: int
    ) -> Iterator[tuple[int, int, Selection]]:
        """Yield selections of whole steps, each about as long as its number of samples allows."""
        span, before = _FIRST_PIECE_MS, _SILENCE_MS if reading == "rate" else 0
        begin = start_ms
        while begin < end_ms:
            steps = max(1, span // self.step_ms)
            end = min(begin + steps * self.step_ms, end_ms)
            found = self.queries().select(DEFAULT_TENANT, matchers, begin - before, end - 1)
            yield begin, end, found
            if found.times.size:
                fitting = _PIECE_SAMPLES * (end - begin) // found.times.size
                span = min(max(fitting, self.step_ms), 2 * (end - begin), _LONGEST_PIECE_MS)
            else:  # behind a silence there may be a sample a second of each
                span = min(_PIECE_SAMPLES * 1000 // series, _LONGEST_PIECE_MS)
            begin = end


def _named(metric: str) -> Matcher:
    return Matcher(METRIC_NAME, MatchOp.EQUAL, metric)


def _exactly(key: bytes) -> list[Matcher]:
    return [Matcher(name, MatchOp.EQUAL, value) for name, value in decode_labels(key)]
