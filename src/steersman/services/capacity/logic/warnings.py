"""Which forecasts the loop is told of. A long horizon is information; only what is near, and sure, is a warning.

Nothing is said of less than a day of history, so a fresh install is silent, and nothing here is ever critical: what is
critical is measured, not forecast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource, Severity
from steersman.services.capacity.logic.forecasting import DAY_MS, HOUR_MS
from steersman.services.capacity.logic.resources import last_known
from steersman.services.capacity.logic.views import runs_out, trust
from steersman.services.capacity.model.bounded import Forecast, Survey

_SOON_MS = 3 * DAY_MS
_NEAR_MS = 4 * HOUR_MS
_LEAST_HISTORY_MS = DAY_MS
#: Below this share of its limit a resource would have to change its ways to run out soon.
_LEAST_USED = 0.5
_SUGGESTS: Mapping[str, CauseKind] = {
    Aspect.DISK: CauseKind.DISK_FULL,
    Aspect.MEMORY: CauseKind.MEMORY_LEAK,
    Aspect.DESCRIPTORS: CauseKind.DESCRIPTOR_LEAK,
    Aspect.POOL: CauseKind.POOL_EXHAUSTION,
}


def settle(known: Mapping[str, Finding], survey: Survey, now_ms: int) -> tuple[dict[str, Finding], list[Finding]]:
    """Return what is to be said now, and the findings to report: those that hold, and the ends of those that do not."""
    found = {finding.key: finding for finding in _warnings(survey, now_ms)}
    held = {
        key: replace(one, started_ms=known[key].started_ms if key in known else one.started_ms)
        for key, one in found.items()
    }
    ended = [replace(one, ended_ms=now_ms, seen_ms=now_ms) for key, one in known.items() if key not in held]
    return held, [*held.values(), *ended]


def _warnings(survey: Survey, now_ms: int) -> Iterator[Finding]:
    for forecast in survey.resources:
        severity = _severity(forecast)
        if severity is None:
            continue
        series = forecast.series
        suggested = _SUGGESTS.get(series.aspect)
        yield Finding(
            key=f"capacity:{series.id}",
            entity=series.entity,
            aspect=series.aspect,
            direction=Direction.HIGH,
            source=FindingSource.FORECAST,
            severity=severity,
            started_ms=now_ms,
            seen_ms=now_ms,
            reason=f"{series.name} {trust(forecast, runs_out(forecast))[1]}",
            value=last_known(series.grid),
            expected=series.limit,
            suggests=frozenset({suggested} if suggested else ()),
        )


def _severity(forecast: Forecast) -> Severity | None:
    when, grid = runs_out(forecast), forecast.series.grid
    if when is None or when.expected is None or grid.values.size * grid.step_ms < _LEAST_HISTORY_MS:
        return None
    used = last_known(grid) or 0.0
    ahead_ms = when.expected * grid.step_ms
    # Already at its limit is no forecast: the senses see that.
    if ahead_ms > _SOON_MS or not _LEAST_USED <= used < 1.0:
        return None
    sure = when.latest is not None and when.latest * grid.step_ms <= _NEAR_MS
    return "warning" if sure else "info"
