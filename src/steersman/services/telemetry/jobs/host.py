"""Watches this machine: reads it in a thread at fixed intervals and writes what it read.

A pass that takes long (a disk that hangs) delays only the next pass. A pass that cannot be written is lost and
counted: the kernel's counters go on, so the next one carries what happened.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from steersman.engine.decode import readings as wire
from steersman.model.errors import SteersmanError
from steersman.model.telemetry import WireFormat
from steersman.services.telemetry.jobs.machine import Machine, Place, Processes
from steersman.services.telemetry.jobs.sources import Intake, Source
from steersman.services.telemetry.logic.host.families import describe
from steersman.services.telemetry.logic.host.readings import Reading, SeriesKeys
from steersman.services.telemetry.logic.markers import describing, ended
from steersman.services.telemetry.model import HostSettings

#: Counted in `Sources.counts` for each pass that the store did not take.
LOST_PASSES = "host_passes_lost"

_JOB = "host"
_NS_PER_MS = 1_000_000

#: What one pass reads, given the time.
Pass = Callable[[int], list[Reading]]


def instance_name(place: Place) -> str:
    return place.uname().nodename or "localhost"


def core_pass(place: Place, intake: Intake) -> Pass:
    """Return the pass over the whole machine, with `up` and the time that it took."""
    machine = Machine(place)

    def read(now_ns: int) -> list[Reading]:
        started = intake.clock.monotonic()
        readings = machine.readings(now_ns)
        took = intake.clock.monotonic() - started
        return [("up", (), 1.0), ("scrape_duration_seconds", (), took), *readings]

    return read


def process_pass(place: Place, settings: HostSettings) -> Pass:
    """Return the pass over all processes."""
    rules = [(group.name, re.compile(group.command)) for group in settings.process_groups]
    processes = Processes(place, rules, settings.process_group_limit)
    return lambda _now_ns: processes.readings()


async def watch_machine(intake: Intake, settings: HostSettings, place: Place | None = None) -> None:
    """Write the figures of the machine every `interval_seconds`, for ever."""
    place = place or Place(Path(settings.proc), Path(settings.sys))
    await _watch(
        intake, place, Source("host", instance_name(place), settings.interval_seconds), core_pass(place, intake)
    )


async def watch_processes(intake: Intake, settings: HostSettings, place: Place | None = None) -> None:
    """Write the groups of processes and services every `process_interval_seconds`, for ever."""
    place = place or Place(Path(settings.proc), Path(settings.sys))
    source = Source("processes", instance_name(place), settings.process_interval_seconds)
    await _watch(intake, place, source, process_pass(place, settings))


async def _watch(intake: Intake, place: Place, source: Source, read: Pass) -> None:
    writer = HostWriter(intake, source, instance_name(place))
    interval = source.interval_seconds or 0.0
    due = intake.clock.monotonic()
    while True:
        now_ns = intake.clock.wall_ns()
        await writer.write(await asyncio.to_thread(read, now_ns), now_ns)
        # Whole intervals that were missed are missed: catching up would only repeat the present.
        late = intake.clock.monotonic() - due
        due += interval * (1 + late // interval)
        await intake.clock.sleep(due - intake.clock.monotonic())


class HostWriter:
    """Turns passes into records, and marks the series that a pass no longer has as ended."""

    def __init__(self, intake: Intake, source: Source, instance: str) -> None:
        self._intake = intake
        self._source = source
        self._keys = SeriesKeys({"job": _JOB, "instance": instance})
        self._present: frozenset[bytes] = frozenset()
        self._described: frozenset[str] = frozenset()

    async def write(self, readings: list[Reading], now_ns: int) -> None:
        """Write one pass; if the store does not take it, it is counted as lost."""
        columns = self._keys.columns(readings)
        time_ms = now_ns // _NS_PER_MS
        try:
            await self._describe({name for name, _, _ in readings}, now_ns)
            await self._send(WireFormat.READINGS, wire.pack(columns.items(), time_ms), now_ns)
            if gone := self._present - columns.keys():
                await self._send(WireFormat.READINGS, ended(gone, time_ms), now_ns)
        except SteersmanError as error:
            self._present |= columns.keys()
            self._intake.sources.failed(self._source, error.message)
            self._intake.sources.counts[LOST_PASSES] += 1
            return
        self._present = frozenset(columns)
        self._intake.sources.seen(self._source, now_ns, len(columns))

    async def _describe(self, names: set[str], now_ns: int) -> None:
        """Say what the metrics are, once for as long as this process runs."""
        if new := names - self._described:
            await self._send(WireFormat.EXPOSITION, describing(map(describe, sorted(new))), now_ns)
            self._described |= new

    async def _send(self, format: WireFormat, body: bytes, now_ns: int) -> None:
        await self._intake.write(format, self._intake.tenant, body, now_ns)
