"""The examples of capacity for the conformance kit: a look that found one series too short to forecast."""

from __future__ import annotations

import numpy as np

from steersman.contract.objects import Ask
from steersman.contract.ports import Context
from steersman.contract.testing import Cases, ObjectCase
from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect
from steersman.services.capacity.model.bounded import Driver, Forecast, Grid, Series, Survey
from steersman.services.capacity.store.looking import Shown


def _forecast(_ask: Ask, context: Context) -> str:
    made = f"s{context.ports.ids.new()}"
    grid = Grid(np.array([1.0]), 3_600_000, context.ports.clock.wall_ns() // 1_000_000)
    disk = Entity(EntityKind.SERVICE, "orders")
    series = Series(made, "disk", made, disk, "bytes", grid, Aspect.OTHER, Driver.GROWTH)
    context.state.shown = Shown.of(Survey(grid.end_ms, resources=(Forecast(series, None, "too short"),)))
    return made


_FORECASTS = "/api/ops/forecasts"
CASES = Cases(
    objects={
        f"{_FORECASTS}/{{id}}": ObjectCase(
            make=_forecast,
            shown=(_FORECASTS, f"{_FORECASTS}/{{}}"),
            named=(("GET", "/api/ops/capacity/plan?service={}", None),),
        )
    }
)
