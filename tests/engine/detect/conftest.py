"""A seeded mesh that can be broken: what a well-behaved service exposes, scraped once a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from steersman.engine.detect.senses import Senses
from steersman.model.findings import Finding
from steersman.model.labels import canonical, encode_labels
from steersman.model.rounds import NewSeries, Round, SampleColumns, Telemetry

T0 = 1_800_000_000_000


class Mesh:
    """Collects samples of one round after another. `value` and `count` add a gauge and a counter; `step` folds them."""

    def __init__(self, senses: Senses | None = None, seed: int = 1) -> None:
        self.senses = senses or Senses()
        self.rng = np.random.default_rng(seed)
        self.findings: list[Finding] = []
        self.now = T0
        self._numbers: dict[bytes, int] = {}
        self._totals: dict[bytes, float] = {}
        self._new: list[NewSeries] = []
        self._rows: list[tuple[int, int, float]] = []

    def value(self, name: str, value: float, at: int | None = None, **labels: str) -> None:
        key = encode_labels(canonical({"__name__": name, **labels}))
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._new.append(NewSeries(self._numbers[key], (key,)))
        self._rows.append((self._numbers[key], self.now if at is None else at, float(value)))

    def count(self, name: str, more: float, at: int | None = None, **labels: str) -> None:
        key = encode_labels(canonical({"__name__": name, **labels}))
        self._totals[key] = self._totals.get(key, 0.0) + more
        self.value(name, self._totals[key], at, **labels)

    def round(self) -> Round:
        series, times, values = zip(*self._rows, strict=True) if self._rows else ((), (), ())
        columns = SampleColumns(np.array(series, np.int32), np.array(times, np.int64), np.array(values, np.float64))
        telemetry = Telemetry(new_series=tuple(self._new), samples=(columns,))
        self._new, self._rows = [], []
        return Round(now_ms=self.now + 300, seed=1, telemetry=telemetry)

    def step(self, ms: int = 1_000) -> tuple[Finding, ...]:
        found, _, _ = self.senses.fold(self.round())
        self.findings += found
        self.now += ms
        return found

    def service(
        self, name: str, *, rate: float = 20.0, failing: float = 0.0, seconds: float = 0.02, **gauges: float
    ) -> None:
        """One scrape of a service that answers; gauges are given by their names."""
        labels = {"service": name, "replica": "0", "instance": f"{name}:80"}
        done = int(self.rng.poisson(rate))
        bad = int(self.rng.binomial(done, failing))
        self.value("up", 1, **labels)
        self.count("http_requests_total", done - bad, code="200", **labels)
        self.count("http_requests_total", bad, code="503", **labels)
        self.count("http_request_duration_seconds_count", done, **labels)
        self.count("http_request_duration_seconds_sum", float(self.rng.gamma(2, seconds / 2, done).sum()), **labels)
        cpu = gauges.pop("cpu", 0.005 * rate)
        self.count("process_cpu_seconds_total", cpu * float(self.rng.uniform(0.8, 1.2)), **labels)
        usual = {
            "process_resident_memory_bytes": 8e7,
            "process_open_fds": 40,
            "pool_connections_in_use": 2,
            "queue_length": 3,
        }
        for metric, usually in usual.items():
            self.value(metric, gauges.get(metric, usually) * float(self.rng.uniform(0.97, 1.03)), **labels)
        self.value("process_max_fds", 256, **labels)
        self.value("pool_connections_max", 10, **labels)
        self.value("wall_clock_seconds", self.now / 1000 + gauges.get("clock", 0.0), **labels)
        self.count("jobs_processed_total", int(self.rng.poisson(gauges.get("jobs", 5.0))), **labels)
        self.count("log_lines_total", int(self.rng.poisson(gauges.get("lines", 5.0))), level="info", **labels)

    def usual(self, seconds: int, *names: str) -> None:
        for _ in range(seconds):
            for name in names:
                self.service(name)
            self.step()

    def run(self, length: int, name: str, **how: float) -> list[Finding]:
        """Let a service behave in some way, and return what was found meanwhile."""
        before = len(self.findings)
        for _ in range(length):
            self.service(name, **how)  # type: ignore[arg-type]
            self.step()
        return self.findings[before:]


@pytest.fixture
def mesh() -> Mesh:
    return Mesh()


@pytest.fixture(scope="session")
def mesh_type() -> Callable[..., Mesh]:
    return Mesh


@pytest.fixture
def baseline() -> Callable[[Mesh, Callable[[int], float], int], None]:
    """Teach two weeks of one service at 60 s, ending now."""

    def teach(mesh: Mesh, load: Callable[[int], float], days: int = 14) -> None:
        labels = {"service": "orders", "replica": "0", "instance": "orders:80"}
        for at in _minutes(mesh.now, days):
            done = float(mesh.rng.poisson(60 * load(at)))
            mesh.count("http_requests_total", done, at, code="200", **labels)
            mesh.count("http_request_duration_seconds_count", done, at, **labels)
            mesh.count("http_request_duration_seconds_sum", done * 0.02, at, **labels)
            mesh.count("process_cpu_seconds_total", 0.3 * load(at) * float(mesh.rng.uniform(0.9, 1.1)), at, **labels)
        mesh.step(0)

    return teach


def _minutes(now: int, days: int) -> Iterator[int]:
    return iter(range(now - days * 86_400_000, now, 60_000))
