"""What is bounded and what was forecast of it, as values between the rooms of this slice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from steersman.engine.forecast.outlook import Outlook
from steersman.model.entities import Entity
from steersman.model.findings import Aspect

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Driver(StrEnum):
    """What makes a resource fill: it decides what a change of traffic or the loss of a node does to it."""

    GROWTH = "growth"  # it accumulates: traffic changes how fast
    LOAD = "load"  # it follows the work under way: traffic changes how much
    HOST = "host"  # it follows what runs on the machine: a lost node changes how much


@dataclass(frozen=True, slots=True)
class Bound:
    """A kind of resource: the series of what is used, or what is left of it, and of its limit, with equal labels."""

    kind: str
    aspect: Aspect
    driver: Driver
    amount: str
    limit: str
    unit: str
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular series. Its last point covers the step that ends at `end_ms`; unknown points are NaN."""

    values: NDArray[np.float64]
    step_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Series:
    """A regular series of an entity that is to be forecast; `limit` is what it may reach, None where nothing says."""

    id: str
    kind: str
    name: str
    entity: Entity
    unit: str
    grid: Grid
    aspect: Aspect
    driver: Driver
    limit: float | None = None
    capacity: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """A series with its outlook; `why_not` says in words why there is none."""

    series: Series
    outlook: Outlook | None
    why_not: str = ""

    def time_ms(self, steps: int | None) -> int | None:
        """Return the time so many steps after the last point."""
        return None if steps is None else self.series.grid.end_ms + steps * self.series.grid.step_ms


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a service and what it can bear; rates are requests a second.

    `cpu_per_request` is in CPU seconds, learnt; `replicas` were seen lately.
    """

    service: str
    forecast: Forecast
    replicas: int
    cpu_per_request: float | None


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything of one look. `left_out` counts series beyond the cap, by metric."""

    time_ms: int
    resources: tuple[Forecast, ...] = ()
    demands: tuple[Demand, ...] = ()
    others: tuple[Forecast, ...] = ()
    hosts: int = 0
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def forecasts(self) -> tuple[Forecast, ...]:
        return (*self.resources, *(demand.forecast for demand in self.demands), *self.others)
