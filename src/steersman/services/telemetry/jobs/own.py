"""The platform's own logs and spans, taken into its own store like anybody else's."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from steersman.model.errors import SteersmanError
from steersman.model.telemetry import WireFormat
from steersman.runtime.logs import LogBuffer, Logs
from steersman.runtime.otlp import logs_request

if TYPE_CHECKING:
    from steersman.runtime.tracing import Tracing
    from steersman.services.telemetry.jobs.sources import Intake

_EVERY_SECONDS = 1.0
_RECORDS = 10_000
#: Requests with spans that wait while the store cannot take them.
_WAITING_REQUESTS = 64

LOST_RECORDS = "own_records_lost"


async def take_own(intake: Intake, logs: Logs, tracing: Tracing) -> None:
    """Hand the platform's own records to the store every second, for ever; what it cannot take is counted."""
    buffer = LogBuffer(_RECORDS)
    spans: deque[bytes] = deque(maxlen=_WAITING_REQUESTS)
    logs.hand_to(buffer)
    tracing.listen(spans.append)
    try:
        while True:
            await intake.clock.sleep(_EVERY_SECONDS)
            tracing.flush()
            if records := buffer.drain():
                await _write(intake, WireFormat.OTLP_LOGS_JSON, logs_request(records), len(records))
            while spans:
                await _write(intake, WireFormat.OTLP_TRACES_JSON, spans.popleft(), 1)
    finally:
        logs.hand_to(None)
        tracing.listen(None)


async def _write(intake: Intake, kind: WireFormat, body: bytes, count: int) -> None:
    try:
        await intake.write(kind, intake.tenant, body, intake.clock.wall_ns())
    except SteersmanError:
        intake.sources.counts[LOST_RECORDS] += count
