"""One request on its way into the store, and what is reported about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steersman.model.telemetry import Decoded, Refusal, WireFormat
from steersman.runtime.telemetry.events.schema import EXEMPLARS, LOGS, SPANS

if TYPE_CHECKING:
    from steersman.model.ids import Tenant
    from steersman.runtime.telemetry.ports import Scan, SeriesSet


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What one request left in the store, and what of it was refused and why."""

    samples: int = 0
    exemplars: int = 0
    logs: int = 0
    spans: int = 0
    refused: tuple[Refusal, ...] = ()


def event_counts(decoded: Decoded) -> dict[str, int]:
    """How many log lines, spans and exemplars there are, by kind."""
    kinds = ((EXEMPLARS, decoded.exemplars), (LOGS, decoded.logs), (SPANS, decoded.spans))
    return {schema.kind.value: 0 if rows is None else len(getattr(rows, schema.time)) for schema, rows in kinds}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that was decoded against a set of series; another set by the time it is applied means: again."""

    format: WireFormat
    tenant: Tenant
    body: bytes
    received_ns: int
    series: SeriesSet | None = None
    scan: Scan | None = None
    decoded: Decoded | None = None

    @property
    def report(self) -> WriteReport:
        """What the request holds, before anybody knows whether the store's rules refuse some of it."""
        if self.scan is not None:
            decoded = Decoded(exemplars=self.scan.exemplars, refused=self.scan.refused)
            return WriteReport(self.scan.times.size, **event_counts(decoded), refused=decoded.refused)
        decoded = self.decoded or Decoded()
        samples = 0 if decoded.metrics is None else decoded.metrics.times.size
        return WriteReport(samples, **event_counts(decoded), refused=decoded.refused)
