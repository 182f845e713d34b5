"""A look from beginning to end: every component with its signs, as values and as bytes, and what the loop is told."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from steersman.contract.ports import Context, Observer
from steersman.model.findings import Finding
from steersman.services.maintenance.logic import views
from steersman.services.maintenance.logic.hazard import assess
from steersman.services.maintenance.logic.warnings import settle
from steersman.services.maintenance.model import wire
from steersman.services.maintenance.model.hazard import Assessment, ComponentKey, Sign
from steersman.services.maintenance.model.settings import MaintenanceSettings
from steersman.services.maintenance.store.smartctl import SmartDisks
from steersman.services.maintenance.store.telemetry import Evidence


@dataclass(frozen=True, slots=True)
class Shown:
    """The last look and the bytes of its list; replaced as one."""

    time_ms: int
    found: tuple[Assessment, ...]
    listed: bytes
    by_id: dict[str, wire.ComponentView]
    seconds: float = 0.0

    @classmethod
    def of(cls, found: tuple[Assessment, ...], now_ms: int, seconds: float = 0.0) -> Shown:
        answer = views.components(found, now_ms)
        by_id = {one.id: one for one in answer.components}
        return cls(now_ms, found, answer.model_dump_json().encode(), by_id, seconds)


@dataclass(slots=True)
class MaintenanceState:
    """What handlers and the job share."""

    settings: MaintenanceSettings
    evidence: Evidence
    disks: SmartDisks
    shown: Shown
    said: dict[str, Finding] = field(default_factory=dict)
    looking: threading.Lock = field(default_factory=threading.Lock)


def look(ctx: Context) -> Shown:
    """Look once, show it, and tell the loop of hardware that is likely to fail."""
    state: MaintenanceState = ctx.state
    clock = ctx.ports.clock
    with state.looking:
        now_ms, began = clock.wall_ns() // 1_000_000, clock.monotonic()
        found = assessed(state, now_ms)
        shown = Shown.of(found, now_ms, clock.monotonic() - began)
        state.shown = shown
        state.said, findings = settle(state.said, found, now_ms)
    observer: Observer | None = ctx.ports.provided.get(Observer)
    if observer is not None:
        for finding in findings:
            observer.found(finding)
    return shown


def assessed(state: MaintenanceState, now_ms: int) -> tuple[Assessment, ...]:
    """Return every component that is known, with everything that speaks for its failure."""
    evidence, signs = state.evidence, dict[ComponentKey, list[Sign]]()
    for key in evidence.inventory(now_ms):
        signs.setdefault(key, [])
    for told in (evidence.signs(now_ms), evidence.lines(now_ms), state.disks.signs(now_ms)):
        for key, sign in told:
            signs.setdefault(key, []).extend([sign] if sign is not None else [])
    services = evidence.restarts(now_ms)
    hardware = [assess(key, _distinct(found)) for key, found in sorted(signs.items())]
    return (*hardware, *(assess(key, (), restarts) for key, restarts in services.items()))


def _distinct(signs: list[Sign]) -> list[Sign]:
    """Keep one sign of each rule: two exporters that read the same disk say the same."""
    return list({sign.rule.name: sign for sign in signs}.values())
