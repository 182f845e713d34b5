"""Forecasts as the API answers them, with the confidence in words that the back-test allows."""

from __future__ import annotations

import math

import numpy as np

from steersman.engine.forecast.outlook import Exhaustion, exhaustion
from steersman.services.capacity.logic.forecasting import HOUR_MS, duration_words
from steersman.services.capacity.logic.resources import last_known
from steersman.services.capacity.model import wire
from steersman.services.capacity.model.bounded import Forecast, Survey

#: A curve on a screen needs no more points.
_MOST_POINTS = 300
_WEEK_HOURS = 7 * 24


def back_tested(found: Forecast) -> wire.BackTested | None:
    """Return how wrong it was."""
    if found.outlook is None:
        return None
    test = found.outlook.test
    return wire.BackTested(
        method=test.method.words,
        mase=None if math.isnan(test.mase) else round(test.mase, 4),
        smape=round(test.smape, 4),
        origins=test.origins,
        tested_hours=test.steps * found.series.grid.step_ms / HOUR_MS,
    )


def line(found: Forecast) -> wire.ForecastLine:
    """Return a forecast without its points."""
    series, outlook = found.series, found.outlook
    hours = series.grid.step_ms / HOUR_MS
    known = int(np.count_nonzero(np.isfinite(series.grid.values)))
    return wire.ForecastLine(
        id=series.id,
        kind=series.kind,
        name=series.name,
        entity=series.entity.ref,
        unit=series.unit,
        now=last_known(series.grid),
        limit=series.limit,
        history_hours=(series.grid.values.size if outlook else known) * hours,
        horizon_hours=outlook.points.size * hours if outlook else 0.0,
        expected_at_end=float(outlook.points[-1]) if outlook else None,
        error=back_tested(found),
        why_not=found.why_not,
    )


def detail(found: Forecast) -> wire.ForecastDetail:
    """Return a forecast with at most some hundred points of past and future."""
    series, outlook = found.series, found.outlook
    grid, points = series.grid, []
    if outlook is not None:
        every = -(-outlook.points.size // _MOST_POINTS)
        for at in range(every - 1, outlook.points.size, every):
            time_ms = grid.end_ms + (at + 1) * grid.step_ms
            value, low, high = float(outlook.points[at]), float(outlook.low[at]), float(outlook.high[at])
            points.append(wire.Point(time_ms=time_ms, value=value, low=low, high=high))
    tail = grid.values[-_MOST_POINTS:]
    first_ms = grid.end_ms - (tail.size - 1) * grid.step_ms
    past = [(first_ms + at * grid.step_ms, float(value)) for at, value in enumerate(tail) if math.isfinite(value)]
    coverage = outlook.coverage if outlook else None
    return wire.ForecastDetail(**line(found).model_dump(), coverage=coverage, points=points, past=past)


def dates(found: Forecast, when: Exhaustion) -> wire.RunsOut:
    """Return steps ahead as times."""
    return wire.RunsOut(
        earliest_ms=found.time_ms(when.earliest),
        expected_ms=found.time_ms(when.expected),
        latest_ms=found.time_ms(when.latest),
    )


def runs_out(found: Forecast) -> Exhaustion | None:
    """Return when it meets its limit, where it has a limit and a forecast."""
    if found.outlook is None or found.series.limit is None:
        return None
    return exhaustion(found.outlook, found.series.limit)


def resource(found: Forecast) -> wire.Resource:
    """Return something bounded with its date and how far to trust it."""
    series, when = found.series, runs_out(found)
    confidence, words = trust(found, when)
    return wire.Resource(
        forecast=series.id,
        kind=series.kind,
        name=series.name,
        entity=series.entity.ref,
        used=last_known(series.grid),
        capacity=series.capacity,
        unit=series.unit,
        runs_out=dates(found, when) if when else None,
        error=back_tested(found),
        confidence=confidence,
        words=words,
    )


def trust(found: Forecast, when: Exhaustion | None) -> tuple[wire.Confidence, str]:
    """Say when it runs out and how sure that is, from the width of the interval and what was tested."""
    if found.outlook is None or when is None:
        return "none", f"no forecast: {found.why_not or 'nothing says what it may reach'}"
    step, tested = found.series.grid.step_ms, found.outlook.test.steps
    horizon = duration_words(found.outlook.points.size * step)
    if when.earliest is None:
        return _long_enough(found), f"does not run out within {horizon}"
    if when.expected is None:
        soonest = duration_words(when.earliest * step)
        return "low", f"not expected to run out within {horizon}, but it could in {soonest}"
    words = f"runs out in {duration_words(when.expected * step)}"
    if when.latest is None:
        return "low", f"{words}, though it may also not within {horizon}"
    words += f", between {duration_words(when.earliest * step)} and {duration_words(when.latest * step)}"
    if when.expected > tested:
        return "low", f"{words}; tested only {duration_words(tested * step)} ahead, so this is an extrapolation"
    narrow = when.latest - when.earliest <= 0.5 * when.expected
    return (_long_enough(found) if narrow else "medium"), words


def _long_enough(found: Forecast) -> wire.Confidence:
    hours = found.series.grid.values.size * found.series.grid.step_ms / HOUR_MS
    return "high" if hours >= _WEEK_HOURS else "medium"


def resources(survey: Survey) -> wire.Resources:
    """Return everything bounded, what runs out first at the top."""
    found = [resource(one) for one in survey.resources]
    found.sort(key=lambda one: (_soonest(one), -(one.used or 0.0), one.name))
    return wire.Resources(time_ms=survey.time_ms, resources=found, left_out=dict(survey.left_out))


def _soonest(one: wire.Resource) -> float:
    return one.runs_out.expected_ms or one.runs_out.earliest_ms or math.inf if one.runs_out else math.inf


def forecasts(survey: Survey) -> wire.Forecasts:
    """Return every forecast without points."""
    lines = [line(one) for one in survey.forecasts]
    return wire.Forecasts(time_ms=survey.time_ms, forecasts=lines, left_out=dict(survey.left_out))
