"""Which components the loop is told of: hardware with signs of trouble. Restarts of services are for the senses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.services.maintenance.logic.views import component_id, component_name
from steersman.services.maintenance.model.hazard import Assessment, Part

#: A failure within 30 days that is likelier than not is a warning; this much less is information.
_WARNING, _INFORMATION = 0.5, 0.1
_ASPECTS: Mapping[Part, Aspect] = {Part.DISK: Aspect.DISK, Part.MEMORY: Aspect.MEMORY}


def settle(
    known: Mapping[str, Finding], found: Sequence[Assessment], now_ms: int
) -> tuple[dict[str, Finding], list[Finding]]:
    """Return what holds now, and what to report: all of that, and the ends of what no longer holds."""
    fresh = {one.key: one for one in _findings(found, now_ms)}
    held = {
        key: replace(one, started_ms=known[key].started_ms if key in known else now_ms) for key, one in fresh.items()
    }
    ended = [replace(one, seen_ms=now_ms, ended_ms=now_ms) for key, one in known.items() if key not in held]
    return held, [*held.values(), *ended]


def _findings(found: Sequence[Assessment], now_ms: int) -> Iterator[Finding]:
    for one in found:
        if one.key.part is Part.SERVICE or not one.signs or one.month < _INFORMATION:
            continue
        yield Finding(
            key=f"maintenance:{component_id(one.key)}",
            entity=one.entity,
            aspect=_ASPECTS.get(one.key.part, Aspect.OTHER),
            direction=Direction.HIGH,
            source=FindingSource.FORECAST,
            severity="warning" if one.month >= _WARNING else "info",
            started_ms=now_ms,
            seen_ms=now_ms,
            reason=f"{component_name(one.key)} fails within 30 days with {one.month:.0%}: {one.signs[0].text}",
            value=one.month,
        )
