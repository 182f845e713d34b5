"""One look at everything bounded: histories from the telemetry store, forecasts, demands on services.

A series with a long history is read at a coarse step, a young one at a fine step over its last hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from steersman.engine.forecast.trend import slope
from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect
from steersman.model.labels import Labels
from steersman.services.capacity.logic.forecasting import DAY_MS, forecast
from steersman.services.capacity.logic.resources import (
    BOUNDS,
    entity_of,
    identified,
    is_bounded,
    named,
    series_of,
    service_of,
    without_name,
)
from steersman.services.capacity.model.bounded import Bound, Demand, Driver, Forecast, Grid, Series, Survey
from steersman.services.capacity.model.settings import CapacitySettings
from steersman.services.capacity.store.histories import Histories, Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from steersman.runtime.telemetry.query import MetricQueries

COARSE_MS = 600_000
FINE_MS = 60_000
_FINE_POINTS = 360
#: A series with fewer coarse points than this, six hours, is looked at finely.
_LEAST_COARSE = 36
_REQUESTS, _CPU, _QUEUE = "http_requests_total", "process_cpu_seconds_total", "queue_length"
#: Replicas that were heard of in so many of the last steps are there.
_LATELY = 3
_LEAST_PAIRS = 16


@dataclass(slots=True)
class Surveyor:
    """Looks. It keeps histories and forecasts between looks, and is used by one thread at a time."""

    settings: CapacitySettings
    coarse: Histories
    fine: Histories
    _made: dict[str, tuple[tuple[int, int], Forecast]]

    @classmethod
    def of(cls, settings: CapacitySettings, queries: Callable[[], MetricQueries]) -> Surveyor:
        length = int(settings.history_days * DAY_MS // COARSE_MS)
        most = settings.max_series
        return cls(
            settings, Histories(queries, COARSE_MS, length, most), Histories(queries, FINE_MS, _FINE_POINTS, most), {}
        )

    def look(self, now_ms: int) -> Survey:
        """Read what is new and forecast what changed."""
        resources = tuple(self._forecast(one) for bound in BOUNDS for one in self._bounded(bound, now_ms))
        demands = tuple(self._demands(now_ms))
        queues = self._read(_QUEUE, now_ms, "mean").items()
        others = tuple(self._forecast(_plain("queue", _QUEUE, labels, grid)) for labels, grid in queues)
        hosts = {one.series.entity.ref for one in resources if one.series.entity.kind is EntityKind.HOST}
        survey = Survey(now_ms, resources, demands, others, len(hosts), self.coarse.left_out())
        known = {one.series.id for one in survey.forecasts}
        self._made = {key: made for key, made in self._made.items() if key in known}
        return survey

    def _forecast(self, series: Series) -> Forecast:
        """Forecast a series, unless that was done when its last point was the same."""
        grid = series.grid
        stamp = (grid.end_ms, grid.step_ms)
        made = self._made.get(series.id)
        if made is None or made[0] != stamp:
            made = (stamp, forecast(series, int(self.settings.horizon_days * DAY_MS)))
            self._made[series.id] = made
        return made[1]

    def _read(self, metric: str, now_ms: int, reading: Reading) -> dict[Labels, Grid]:
        found = {
            labels: grid
            for labels, grid in self.coarse.read(metric, now_ms, reading).items()
            if is_bounded(dict(labels))
        }
        if not found or any(_points(grid) < _LEAST_COARSE for grid in found.values()):
            for labels, grid in self.fine.read(metric, now_ms, reading).items():
                if is_bounded(dict(labels)) and (labels not in found or _points(found[labels]) < _LEAST_COARSE):
                    found[labels] = grid
        return {without_name(labels): grid for labels, grid in found.items() if _points(grid)}

    def _bounded(self, bound: Bound, now_ms: int) -> Iterator[Series]:
        limits = self._read(bound.limit, now_ms, "mean")
        if not limits:
            return
        for labels, amount in self._read(bound.amount, now_ms, "mean").items():
            limit = limits.get(labels)
            if limit is not None and limit.step_ms == amount.step_ms:
                yield series_of(bound, labels, amount, limit)

    def _demands(self, now_ms: int) -> Iterator[Demand]:
        requests, cpu = self._read(_REQUESTS, now_ms, "rate"), self._read(_CPU, now_ms, "rate")
        for service, parts in sorted(_by_service(requests).items()):
            total = _sum(parts.values())
            series = Series(
                id=identified("traffic", (("service", service),)),
                kind="traffic",
                name=f"requests a second of service {service}",
                entity=Entity(EntityKind.SERVICE, service),
                unit="requests/s",
                grid=total,
                aspect=Aspect.TRAFFIC,
                driver=Driver.LOAD,
            )
            used = _by_service(cpu).get(service)
            cost = _cost(total, _sum(used.values())) if used else None
            yield Demand(service, self._forecast(series), _replicas(parts), cost)


def _plain(kind: str, metric: str, labels: Labels, grid: Grid) -> Series:
    entity = entity_of(metric, dict(labels))
    name = named(kind, entity, dict(labels))
    return Series(identified(kind, labels), kind, name, entity, "items", grid, Aspect.QUEUE, Driver.LOAD)


def _points(grid: Grid) -> int:
    return int(np.count_nonzero(np.isfinite(grid.values)))


def _by_service(found: Mapping[Labels, Grid]) -> dict[str, dict[Labels, Grid]]:
    parts: dict[str, dict[Labels, Grid]] = {}
    for labels, grid in found.items():
        if service := service_of(dict(labels)):
            parts.setdefault(service, {})[labels] = grid
    # Old parts of a service may be fine and young ones coarse: only one kind adds up.
    return {name: _alike(grids) for name, grids in parts.items()}


def _alike(parts: Mapping[Labels, Grid]) -> dict[Labels, Grid]:
    step = max(grid.step_ms for grid in parts.values())
    return {labels: grid for labels, grid in parts.items() if grid.step_ms == step}


def _sum(parts: Iterable[Grid]) -> Grid:
    """Add rates up; a point is unknown where all parts are."""
    grids = list(parts)
    stacked = np.stack([grid.values for grid in grids])
    total = np.where(np.isfinite(stacked).any(axis=0), np.nansum(stacked, axis=0), np.nan)
    return replace(grids[0], values=total)


def _replicas(parts: Mapping[Labels, Grid]) -> int:
    lately = [labels for labels, grid in parts.items() if np.isfinite(grid.values[-_LATELY:]).any()]
    told = {(dict(labels).get("replica"), dict(labels).get("instance")) for labels in lately}
    return max(1, len(told))


def _cost(requests: Grid, cpu: Grid) -> float | None:
    """Return the CPU seconds that one more request costs: the slope of CPU over requests (the utilisation law).

    None where the two do not move together well enough to tell.
    """
    if requests.step_ms != cpu.step_ms:
        return None
    good = np.isfinite(requests.values) & np.isfinite(cpu.values)
    if np.count_nonzero(good) < _LEAST_PAIRS:
        return None
    found = _robust_slope(requests.values[good], cpu.values[good])
    return found if found > 0 else None


def _robust_slope(over: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return the median slope between points that are far apart in `over`; 0 where none are.

    The points are sorted by `over`, so that the pairs of `slope`'s own choosing have a distance that tells something.
    """
    order = np.argsort(over, kind="stable")
    x, y = over[order], values[order]
    if x[-1] - x[0] < 0.2 * x[-1]:
        return 0.0
    per_step_x, per_step_y = slope(x), slope(y)
    return per_step_y / per_step_x if per_step_x > 0 else 0.0
