"""What was measured while the mesh ran at several levels of load: one window of whole seconds for each level.

It is kept as a NumPy archive with a line of JSON for the labels, so that a later drill on the same machine may use it
again. Nothing is invented here: what was not measured is not a number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, Labels, canonical

if TYPE_CHECKING:
    from numpy import bool_, float64
    from numpy.typing import NDArray

_FORMAT = 3
_CUMULATIVE = ("_total", "_sum", "_count", "_bucket")

#: One series of a window: seconds UTC and values.
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured at one level: `begin` in seconds UTC, and the samples of each series."""

    level: float
    begin: float
    series: Mapping[Labels, Points]


@dataclass(frozen=True, slots=True)
class Recording:
    """`values[level, second, series]`, each with the time in seconds UTC at which it was measured, in `times`."""

    labels: tuple[Labels, ...]
    levels: tuple[float, ...]
    times: NDArray[float64]
    values: NDArray[float64]

    @property
    def cumulative(self) -> NDArray[bool_]:
        """Which series only ever rise, by the ends of their names as Prometheus has them."""
        return np.array([dict(one).get(METRIC_NAME, "").endswith(_CUMULATIVE) for one in self.labels], np.bool_)

    @property
    def seconds(self) -> int:
        return int(self.values.shape[1])


def labels_of(metric: Mapping[str, str]) -> Labels:
    """The label set of a series as the query API names it."""
    return canonical(dict(metric))


def recording(windows: Sequence[Window], seconds: int) -> Recording:
    """Lay the samples of each window side by side; levels are put in rising order.

    A target that was scraped each second gives its samples as they are. One that was scraped less often is read on
    whole seconds: a gauge keeps its last value, a counter rises evenly between two samples, and a clock
    keeps its distance from the time.
    """
    ordered = sorted(windows, key=lambda one: one.level)
    labels = tuple(sorted({one for window in ordered for one in window.series}))
    shape = (len(ordered), seconds, len(labels))
    levels = tuple(window.level for window in ordered)
    found = Recording(labels, levels, np.full(shape, np.nan), np.full(shape, np.nan))
    for column, (name, rises) in enumerate(zip(labels, found.cumulative, strict=True)):
        for row, window in enumerate(ordered):
            points = window.series.get(name, ())
            if points:
                laid = _laid_out(points, window.begin, seconds, rises=rises)
                found.times[row, :, column], found.values[row, :, column] = laid
    return found


def _laid_out(points: Points, begin: float, seconds: int, *, rises: bool) -> tuple[NDArray[float64], NDArray[float64]]:
    """Return so many times and values of a window."""
    times, values = np.array(points, np.float64).T
    first = int(np.searchsorted(times, begin))
    if len(times) - first >= seconds:
        return times[first : first + seconds], values[first : first + seconds]
    grid = begin + np.arange(1, seconds + 1, dtype=np.float64)
    held: NDArray[float64] = values[np.maximum(np.searchsorted(times, grid, side="right") - 1, 0)]
    if _tells_time(times, values):
        return grid, grid + np.median(values - times)
    return grid, np.interp(grid, times, values).astype(np.float64) if rises else held


def _tells_time(times: NDArray[float64], values: NDArray[float64]) -> bool:
    """Whether the values rise as fast as time does."""
    return len(times) > 1 and bool(abs((values[-1] - values[0]) - (times[-1] - times[0])) < 1.0)


def save(found: Recording, file: Path) -> None:
    """Keep a recording in a file."""
    about = json.dumps({"format": _FORMAT, "levels": found.levels, "labels": found.labels})
    np.savez_compressed(file, about=np.array(about), times=found.times, values=found.values)


def load(file: Path) -> Recording:
    """Read a recording; raises `InvalidInput` when the file is none."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            about: dict[str, Any] = json.loads(str(archive["about"]))
            times, values = archive["times"], archive["values"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InvalidInput(f"{file} is no recording of a drill: {error}; --fresh records anew") from error
    if about["format"] != _FORMAT:
        raise InvalidInput(f"{file} has the format {about['format']}, this is {_FORMAT}; --fresh records anew")
    labels = tuple(tuple((name, value) for name, value in one) for one in about["labels"])
    return Recording(labels, tuple(about["levels"]), times, values)
