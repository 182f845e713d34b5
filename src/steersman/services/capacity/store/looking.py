"""A look from beginning to end: what it found, as values and as bytes, and what the loop is told of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from steersman.contract.ports import Context, Observer
from steersman.model.findings import Finding
from steersman.services.capacity.logic import views
from steersman.services.capacity.logic.warnings import settle
from steersman.services.capacity.model.bounded import Forecast, Survey
from steersman.services.capacity.model.settings import CapacitySettings
from steersman.services.capacity.store.survey import Surveyor


@dataclass(frozen=True, slots=True)
class Shown:
    """The last look and the bytes of its lists; replaced as one."""

    survey: Survey
    resources: bytes
    forecasts: bytes
    by_id: dict[str, Forecast]
    seconds: float = 0.0

    @classmethod
    def of(cls, survey: Survey, seconds: float = 0.0) -> Shown:
        return cls(
            survey=survey,
            resources=views.resources(survey).model_dump_json().encode(),
            forecasts=views.forecasts(survey).model_dump_json().encode(),
            by_id={one.series.id: one for one in survey.forecasts},
            seconds=seconds,
        )


@dataclass(slots=True)
class CapacityState:
    """What handlers and the job share."""

    settings: CapacitySettings
    surveyor: Surveyor
    shown: Shown
    said: dict[str, Finding] = field(default_factory=dict)
    looking: threading.Lock = field(default_factory=threading.Lock)


def look(ctx: Context) -> Survey:
    """Look once, show it, and tell the loop what runs out soon."""
    state: CapacityState = ctx.state
    clock = ctx.ports.clock
    with state.looking:
        now_ms, began = clock.wall_ns() // 1_000_000, clock.monotonic()
        survey = state.surveyor.look(now_ms)
        state.shown = Shown.of(survey, clock.monotonic() - began)
        state.said, findings = settle(state.said, survey, now_ms)
    observer: Observer | None = ctx.ports.provided.get(Observer)
    if observer is not None:
        for finding in findings:
            observer.found(finding)
    return survey
