"""A telemetry store as the slice sees it: series in memory, asked by name and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from steersman.engine.series.matching import fulfils
from steersman.model.labels import canonical, decode_labels, encode_labels
from steersman.runtime.telemetry.query import Selection

NOW_MS = 1_767_225_600_000 + 28 * 86_400_000


@dataclass
class MemoryMetrics:
    """Answers `keys` and `select` like the store; `asked` counts samples that were handed out."""

    series: dict[bytes, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def add(self, metric: str, times: np.ndarray, values: np.ndarray, **labels: str) -> None:
        key = encode_labels(canonical({"__name__": metric, **labels}))
        self.series[key] = (np.asarray(times, np.int64), np.asarray(values, np.float64))

    def keys(self, _tenant: str, matchers: Sequence[Any], start: int, end: int) -> list[bytes]:
        return self.select(_tenant, matchers, start, end, count=False).keys

    def select(self, _tenant: str, matchers: Sequence[Any], start: int, end: int, *, count: bool = True) -> Selection:
        keys, times, values = [], [np.empty(0, np.int64)], [np.empty(0)]
        for key, (at, value) in self.series.items():
            inside = (at >= start) & (at <= end)
            if inside.any() and fulfils(dict(decode_labels(key)), matchers):
                keys.append(key)
                times.append(at[inside])
                values.append(value[inside])
        offsets = np.cumsum([part.size for part in times])
        if count:
            self.asked.append(int(offsets[-1]))
        return Selection(keys, offsets, np.concatenate(times), np.concatenate(values))


@pytest.fixture
def metrics() -> MemoryMetrics:
    return MemoryMetrics()


@pytest.fixture
def minutes() -> Callable[[int], np.ndarray]:
    """Return the times of so many minutes up to now."""
    return lambda count: NOW_MS - 60_000 * np.arange(count, 0, -1)
