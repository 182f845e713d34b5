"""Assessments as the API answers them, and what to do before when."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from steersman.services.maintenance.logic.hazard import WINDOWS, days_until
from steersman.services.maintenance.logic.rules import ADVICE, BASE
from steersman.services.maintenance.model import wire
from steersman.services.maintenance.model.hazard import Assessment, ComponentKey, Part
from steersman.services.maintenance.model.settings import DAYS, Busy, MaintenanceSettings

_DAY_MS = 86_400_000
#: Below this in 30 days there is nothing to do.
_WORTH_ADVICE = 0.05
#: Nothing is planned further ahead: the evidence will be another one by then.
_FURTHEST_DAYS = 30.0


def component_id(key: ComponentKey) -> str:
    """Return an id that fits into an address."""
    return ".".join(re.sub(r"[^A-Za-z0-9_-]", "-", part) for part in (key.part, key.where, key.name) if part)


def component_name(key: ComponentKey) -> str:
    """Return a name for people."""
    if key.part is Part.SERVICE:
        return f"service {key.where}" + (f", replica {key.name}" if key.name else "")
    if key.part is Part.HOST:
        return f"host {key.where}"
    return f"{key.part}{f' {key.name}' if key.name else ''} of host {key.where}"


def component(one: Assessment) -> wire.ComponentView:
    """Return a component with its probabilities and all evidence."""
    part = one.key.part
    return wire.ComponentView(
        id=component_id(one.key),
        part=part.value,
        name=component_name(one.key),
        entity=one.entity.ref,
        windows=[
            wire.Window(days=days, probability=round(probability, 6))
            for days, probability in zip(WINDOWS, (one.day, one.week, one.month), strict=True)
        ],
        base_rate_30d=round(one.base, 6),
        base_source=BASE[part][1],
        evidence=_evidence(one),
        advice=ADVICE[part] if one.month >= _WORTH_ADVICE and (one.signs or _restarted(one)) else "nothing to do",
    )


def _restarted(one: Assessment) -> bool:
    return one.restarts is not None and one.restarts.count > 1


def _evidence(one: Assessment) -> list[wire.EvidenceLine]:
    if one.restarts is not None:
        times = "once" if one.restarts.count == 1 else f"{one.restarts.count} times"
        return [
            wire.EvidenceLine(
                rule="restarts",
                text=f"it started anew {times} in {one.restarts.days:.2g} days, deploys included",
                log_odds=0.0,
                source="counted; a Poisson rate with a Gamma prior instead of odds",
                reference=f'process_start_time_seconds{{service="{one.key.where}"}}',
                seen_ms=0,
            )
        ]
    return [
        wire.EvidenceLine(
            rule=sign.rule.name,
            text=sign.text,
            log_odds=round(count, 3),
            source=sign.rule.source,
            reference=sign.reference,
            seen_ms=sign.seen_ms,
        )
        for sign, count in zip(one.signs, one.counts, strict=True)
    ]


def components(found: Sequence[Assessment], now_ms: int) -> wire.Components:
    """Return everything, most likely to fail first."""
    ordered = sorted(found, key=lambda one: (-one.month, one.key))
    return wire.Components(time_ms=now_ms, components=[component(one) for one in ordered])


def schedule(found: Sequence[Assessment], settings: MaintenanceSettings, now_ms: int) -> wire.Schedule:
    """Return what to do before when, soonest first. Services that restart are for their owners, not for a schedule."""
    tasks = [
        _task(one, settings, now_ms)
        for one in found
        if one.key.part is not Part.SERVICE and one.signs and one.month >= settings.plan_from
    ]
    tasks.sort(key=lambda task: (task.before_ms, task.component))
    return wire.Schedule(time_ms=now_ms, risk_budget=settings.risk_budget, tasks=tasks)


def _task(one: Assessment, settings: MaintenanceSettings, now_ms: int) -> wire.Task:
    days = min(days_until(one.month, settings.risk_budget), _FURTHEST_DAYS)
    before_ms = now_ms + round(days * _DAY_MS)
    at_ms = free_hour(settings.busy, now_ms, before_ms)
    return wire.Task(
        component=component_id(one.key),
        name=component_name(one.key),
        task=ADVICE[one.key.part],
        probability_30d=round(one.month, 6),
        before_ms=before_ms,
        at_ms=at_ms,
        note="" if at_ms is not None else "every hour until then is busy: the risk is above its budget when it is done",
    )


def free_hour(busy: Sequence[Busy], now_ms: int, before_ms: int) -> int | None:
    """Return when the first whole hour begins that is over before a time and touches nothing busy."""
    hour = timedelta(hours=1)
    at = datetime.fromtimestamp(now_ms / 1000, UTC).replace(minute=0, second=0, microsecond=0) + hour
    while (at + hour).timestamp() * 1000 <= before_ms:
        if not any(_touches(one, at, at + hour) for one in busy):
            return round(at.timestamp() * 1000)
        at += hour
    return None


def _touches(busy: Busy, start: datetime, end: datetime) -> bool:
    """Whether a whole hour overlaps with a span of its day."""
    if DAYS[start.weekday()] not in busy.days:
        return False
    begins = datetime.combine(start.date(), busy.start, UTC)
    ends = datetime.combine(start.date(), busy.end, UTC)
    return start < ends and begins < end
