"""Measures the declared folders every few seconds and tells the loop what is filling. With none declared it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from steersman.contract.ports import Context, Observer
from steersman.model.entities import CauseKind, Entity
from steersman.model.errors import SteersmanError
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.services.housekeeping.logic import fill_rate, words
from steersman.services.housekeeping.model import DiskPolicy, HousekeepingSettings, Usage
from steersman.services.housekeeping.store.declared import Declared, declared_of, owner

#: How far back the fill rate looks.
_RATE_SECONDS = 60.0
#: Looking may cost one part in fifty of a core, however many files there are.
_SHARE_OF_TIME = 50
#: A finding ends only below this part of the share at which it began, so that it does not flutter.
_RECOVERED = 0.95


async def watch(context: Context) -> None:
    """Measure and report until the platform stops."""
    looking, clock = declared_of(context), context.ports.clock
    known: Observer | None = None
    while looking.settings.paths:
        began = clock.monotonic()
        observer: Observer | None = context.ports.provided.get(Observer)
        if observer is not None and known is not observer:
            known = observer
            observer.declare(entities(looking.settings))
        await asyncio.to_thread(measure_all, context, observer)
        took = clock.monotonic() - began
        await clock.sleep(max(looking.settings.interval_seconds, took * _SHARE_OF_TIME))


def entities(settings: HousekeepingSettings) -> list[Entity]:
    """Return the owners with labels: `disk_policy`, and `expendable` where every policy of an owner is self-healing."""
    found = []
    for service in sorted({policy.service for policy in settings.paths}):
        acting = [policy for policy in settings.paths if policy.service == service and policy.allow]
        whole = bool(acting) and all(policy.self_healing for policy in acting)
        entity = owner(service)
        labels = (("disk_policy", "true"), ("expendable", "true" if whole else "false"))
        found.append(Entity(entity.kind, entity.id, labels))
    return found


def measure_all(context: Context, observer: Observer | None) -> None:
    """Look at every folder once. One that cannot be looked at has no figures."""
    looking, clock = declared_of(context), context.ports.clock
    for policy in looking.settings.paths:
        try:
            with looking.folder(policy) as folder:
                scan = folder.scan()
        except (SteersmanError, OSError):
            looking.usage.pop(policy.path, None)
            continue
        history = looking.history.setdefault(policy.path, deque())
        history.append((clock.monotonic(), scan.used))
        while history[-1][0] - history[0][0] > _RATE_SECONDS:
            history.popleft()
        usage = Usage(scan.used, scan.limit(policy.quota_bytes), fill_rate(history))
        looking.usage[policy.path] = usage
        if observer is not None:
            for finding in findings(looking, policy, usage, clock.wall_ns() // 1_000_000):
                observer.found(finding)


def findings(looking: Declared, policy: DiskPolicy, usage: Usage, now_ms: int) -> Iterator[Finding]:
    """Yield that a folder is nearly full, that it still is, or that it no longer is."""
    settings, began = looking.settings, looking.began_ms
    over = usage.share >= settings.warn_share * (_RECOVERED if policy.path in began else 1.0)
    if not over and policy.path not in began:
        return
    started = began.setdefault(policy.path, now_ms)
    if not over:
        del began[policy.path]
    yield Finding(
        key=f"housekeeping:{policy.path}",
        entity=owner(policy.service),
        aspect=Aspect.DISK,
        direction=Direction.HIGH,
        source=FindingSource.THRESHOLD,
        severity="critical" if usage.share >= settings.critical_share else "warning",
        started_ms=started,
        seen_ms=now_ms,
        reason=words(policy.path, usage),
        value=usage.share,
        expected=settings.warn_share,
        signal="steersman_housekeeping_used_bytes",
        suggests=frozenset({CauseKind.DISK_FULL}),
        ended_ms=None if over else now_ms,
    )
