"""What the senses report about themselves: where data comes from, how old it is, what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from steersman.contract.ports import Clock
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.telemetry import WireFormat
from steersman.services.telemetry.logic.live import SourceRow

#: The way into the store: format, tenant, body, time of receipt in nanoseconds UTC.
Write = Callable[[WireFormat, Tenant, bytes, int], Awaitable[Any]]

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """One place that data comes from. A listener has no interval of its own."""

    kind: str
    name: str
    interval_seconds: float | None = None


@dataclass(slots=True)
class Sources:
    """The registry that the console reads, and counts for the platform's own signals, by event."""

    _rows: dict[Source, SourceRow] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def rows(self) -> list[SourceRow]:
        return list(self._rows.values())

    def seen(self, source: Source, time_ns: int, samples: int) -> None:
        """Note a delivery of so many samples or log lines."""
        self._note(source, time_ns // _NS_PER_MS, samples, "")

    def pushed(self, kind: str, sender: str, time_ns: int, samples: int) -> None:
        """Note what somebody sent on their own accord."""
        self.seen(Source(kind, sender), time_ns, samples)

    def failed(self, source: Source, error: str) -> None:
        """Note a failure. The time of the last delivery stays, so that its age goes on growing."""
        before = self._rows.get(source)
        self._note(source, before.last_ms if before else None, 0, error)

    def gone(self, source: Source) -> None:
        self._rows.pop(source, None)

    def _note(self, source: Source, last_ms: int | None, samples: int, error: str) -> None:
        self._rows[source] = SourceRow(
            kind=source.kind,
            name=source.name,
            samples=samples,
            last_ms=last_ms,
            interval_seconds=source.interval_seconds,
            error=error,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What every sense needs: the way into the store, the time, and where to report."""

    write: Write
    clock: Clock
    sources: Sources
    tenant: Tenant = DEFAULT_TENANT
