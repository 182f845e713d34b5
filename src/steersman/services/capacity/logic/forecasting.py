"""Makes forecasts of regular series, where there is enough to test them with, and says why not where there is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steersman.engine.forecast.backtest import LEAST_POINTS
from steersman.engine.forecast.outlook import Outlook, outlook
from steersman.engine.forecast.regular import filled, share_known, trimmed
from steersman.services.capacity.model.bounded import Forecast, Grid, Series

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: With more of a series unknown than this, its forecast would be about drawn lines.
_LEAST_KNOWN = 0.5
#: A series that ended so many steps ago is not forecast.
_SILENT_STEPS = 12
#: Forecasts look ahead at most so many times as far as they look back.
_AHEAD = 2


def forecast(series: Series, horizon_ms: int) -> Forecast:
    """Forecast one series."""
    values, step_ms = series.grid.values, series.grid.step_ms
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return Forecast(series, None, "nothing was measured in the time that is looked at")
    if values.size - known[-1] > _SILENT_STEPS:
        return Forecast(series, None, "nothing was measured lately")
    inside = trimmed(values)
    if inside.size < LEAST_POINTS:
        return Forecast(series, None, f"only {_duration(inside.size * step_ms)} of history: too little to test on")
    if share_known(inside) < _LEAST_KNOWN:
        return Forecast(series, None, f"only {share_known(inside):.0%} of the history is known")
    end_ms = series.grid.end_ms - (values.size - 1 - int(known[-1])) * step_ms
    cut = replace(series, grid=Grid(filled(inside), step_ms, end_ms))
    horizon = max(1, min(horizon_ms // step_ms, _AHEAD * inside.size))
    return Forecast(cut, _bounded(outlook(cut.grid.values, horizon, seasons(step_ms))))


def seasons(step_ms: int) -> tuple[int, ...]:
    """Return a day and a week in steps."""
    return (DAY_MS // step_ms, 7 * DAY_MS // step_ms)


def _bounded(found: Outlook) -> Outlook:
    """None of what is forecast here, shares, rates and lengths, can be below 0."""
    return replace(
        found, points=np.maximum(found.points, 0.0), low=np.maximum(found.low, 0.0), high=np.maximum(found.high, 0.0)
    )


def _duration(span_ms: int) -> str:
    hours = span_ms / HOUR_MS
    if hours >= 48:
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"


def duration_words(span_ms: int) -> str:
    """Return a span of time for people."""
    return _duration(span_ms)
