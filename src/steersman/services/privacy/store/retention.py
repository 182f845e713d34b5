"""Ends what is older than its period, kind by kind, a few rows at a time; a legal hold keeps what is of a person.

The period is the service's, or the owner's in `[privacy.keep_days]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steersman.contract.personal import Retention
from steersman.contract.ports import Context, JournalEntry
from steersman.contract.service import Service
from steersman.model.errors import InvalidInput
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.house import House
from steersman.runtime.masking import PrivacySettings
from steersman.services.privacy.store import holds
from steersman.services.privacy.store.persons import declared, within

#: When as many went at once, there may be more.
AT_ONCE = 500
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Period:
    """How long one kind of data is kept, by its name in the record of processing."""

    name: str
    days: float
    retention: Retention
    service: Service


def periods(context: Context) -> Iterator[Period]:
    """Yield every kind that ends by time."""
    settings = context.ports.settings.section(PrivacySettings)
    for service, kind in declared(context):
        if kind.retention is not None:
            name = f"{service.name}.{kind.name}"
            days = settings.keep_days.get(name, kind.retention.days)
            yield Period(name, days, kind.retention, service)


def check_names(house: House, settings: PrivacySettings) -> None:
    """Raise `InvalidInput` where the settings name a kind that does not end by time: its owner would rely on it."""
    known = {f"{service.name}.{kind.name}" for service in house.services for kind in service.personal if kind.retention}
    if unknown := sorted(settings.keep_days.keys() - known):
        told = ", ".join(sorted(known))
        raise InvalidInput(
            f"[privacy.keep_days] names {unknown[0]!r}, which does not end by time; those that do: {told}"
        )


def apply_once(context: Context, one: Period, now_ms: int) -> int:
    """End some of one kind, and return how many; more wait where it returns `AT_ONCE`. Blocks."""
    before_ms = now_ms - round(one.days * _DAY_MS)
    return one.retention.expire(within(context, one.service), before_ms, holds.held(context), AT_ONCE)


def note(context: Context, one: Period, count: int) -> None:
    """Tell the journal how much of one kind ended."""
    ports, told = context.ports, {"kind": one.name, "count": count, "days": one.days}
    entry = JournalEntry(
        ports.ids.new(), ports.clock.wall_ns(), DEFAULT_TENANT, "steersman", "privacy.retention.applied", one.name, told
    )
    ports.journal.record([entry])
