"""Counters, gauges and histograms of one mesh program, and the text page that a scraper reads."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from steersman.services.operations.commands.drill.mesh.clock import true_wall

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))
    total: float = 0.0
    count: int = 0


class Meter:
    """What one program counts. Names follow Prometheus; a series begins at nought when it is first named."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}
        self._numbers: dict[str, dict[_Labels, float]] = {}
        self._histograms: dict[str, dict[_Labels, _Histogram]] = {}
        self._vitals = _Vitals()

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Count up."""
        self._number(name, "counter", tuple(labels.items()), amount, "add")

    def set(self, name: str, value: float, **labels: str) -> None:
        """Say how much there is now."""
        self._number(name, "gauge", tuple(labels.items()), value, "set")

    def only(self, name: str, **labels: str) -> None:
        """Say 1 for these labels and forget the others, as an info metric does."""
        self._numbers.pop(name, None)
        self.set(name, 1.0, **labels)

    def _number(self, name: str, kind: str, labels: _Labels, value: float, how: Literal["add", "set"]) -> None:
        self._kinds[name] = kind
        series = self._numbers.setdefault(name, {})
        series[labels] = value + (series.get(labels, 0.0) if how == "add" else 0.0)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Count a duration."""
        series = self._histograms.setdefault(name, {})
        histogram = series.setdefault(tuple(labels.items()), _Histogram())
        histogram.total += seconds
        histogram.count += 1
        for index, bound in enumerate(_BOUNDS):
            if seconds <= bound:
                histogram.counts[index] += 1

    @property
    def resident_bytes(self) -> int:
        return self._vitals.resident_bytes()

    def page(self) -> str:
        """The exposition in the text format."""
        for kind, name, value in self._vitals.read():
            self._number(name, kind, (), value, "set")
        return "\n".join([*self._number_lines(), *self._histogram_lines(), ""])

    def _number_lines(self) -> Iterator[str]:
        for name, series in self._numbers.items():
            yield f"# TYPE {name} {self._kinds[name]}"
            for labels, value in series.items():
                yield f"{name}{_written(labels)} {value:.17g}"

    def _histogram_lines(self) -> Iterator[str]:
        for name, series in self._histograms.items():
            yield f"# TYPE {name} histogram"
            for labels, histogram in series.items():
                for bound, count in zip(_BOUNDS, histogram.counts, strict=True):
                    yield f"{name}_bucket{_written((*labels, ('le', str(bound))))} {count}"
                yield f"{name}_bucket{_written((*labels, ('le', '+Inf')))} {histogram.count}"
                yield f"{name}_sum{_written(labels)} {histogram.total:.9g}"
                yield f"{name}_count{_written(labels)} {histogram.count}"


def _written(labels: _Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""


class _Vitals:
    """What the kernel says about this process. Its files stay open: a process out of descriptors can still say so."""

    def __init__(self) -> None:
        self._stat = os.open("/proc/self/stat", os.O_RDONLY)
        self._statm = os.open("/proc/self/statm", os.O_RDONLY)
        self._started = true_wall()

    def resident_bytes(self) -> int:
        return int(os.pread(self._statm, 200, 0).split()[1]) * _PAGE

    def read(self) -> Iterator[tuple[str, str, float]]:
        stat = os.pread(self._stat, 2_000, 0).rpartition(b")")[2].split()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield "counter", "process_cpu_seconds_total", (int(stat[11]) + int(stat[12])) / _TICKS
        yield "gauge", "process_resident_memory_bytes", self.resident_bytes()
        yield "gauge", "process_open_fds", _open_descriptors(limit)
        yield "gauge", "process_max_fds", limit
        yield "gauge", "process_start_time_seconds", self._started
        yield "gauge", "process_threads", int(stat[17])


def _open_descriptors(limit: int) -> int:
    try:
        return len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - a list of names is all that is wanted here
    except OSError:
        return limit  # there is not even one left to look with
