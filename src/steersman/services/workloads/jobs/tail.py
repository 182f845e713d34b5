"""Takes what services write into the telemetry store, so that their logs are searched and judged like anybody's.

A flood does not get through: above the service's rate, lines are counted and dropped.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from steersman.contract.ports import Clock
from steersman.model.errors import SteersmanError
from steersman.model.ids import DEFAULT_TENANT, Tenant
from steersman.model.telemetry import WireFormat
from steersman.services.workloads.logic.lines import Allowance, request_of
from steersman.services.workloads.store.logfile import LogFile
from steersman.services.workloads.store.view import FleetView

Write = Callable[[WireFormat, Tenant, bytes, int], Awaitable[Any]]

_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class LogCounts:
    """Lines by service: all that were seen, and those that were dropped. Skipped bytes count as lines of 100."""

    seen: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


_BYTES_PER_LINE = 100


async def tail_logs(view: FleetView, clock: Clock, write: Write, counts: LogCounts) -> None:
    """Read every replica's log once a second, for ever."""
    files: dict[str, LogFile] = {}
    allowances: dict[str, Allowance] = {}
    while True:
        for replica in view.everyone():
            file = files.setdefault(replica.name, LogFile(view.log_of(replica.service, replica.number)))
            rate = view.definition(replica.service).log_lines_per_second
            allowance = allowances.get(replica.service, Allowance(rate, clock.monotonic()))
            read = await asyncio.to_thread(file.read)
            if read.lines:
                allowances[replica.service], allowed = allowance.spent(len(read.lines), rate, clock.monotonic())
                skipped = read.skipped // _BYTES_PER_LINE
                counts.seen[replica.service] += len(read.lines) + skipped
                counts.dropped[replica.service] += len(read.lines) - allowed + skipped
                if allowed:
                    body = request_of(replica.service, replica.number, read.lines[:allowed], clock.wall_ns())
                    await _hand_over(write, body, clock, counts, replica.service, allowed)
            await asyncio.to_thread(file.rotate, view.definition(replica.service).log_bytes)
        await clock.sleep(_EVERY_SECONDS)


async def _hand_over(write: Write, body: bytes, clock: Clock, counts: LogCounts, service: str, lines: int) -> None:
    try:
        await write(WireFormat.OTLP_LOGS_JSON, DEFAULT_TENANT, body, clock.wall_ns())
    except SteersmanError:
        counts.dropped[service] += lines
