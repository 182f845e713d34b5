"""What services write reaches the telemetry store, at a rate that a flood cannot exceed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from steersman.engine.telemetry import TelemetryEngine
from steersman.model.errors import Temporary
from steersman.model.telemetry import WireFormat
from steersman.services.workloads.jobs.tail import LogCounts, tail_logs

Make = Callable[..., Any]


class Intake:
    """Takes what is written; `failing` is a store that cannot take it now."""

    def __init__(self, *, failing: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.failing = failing

    async def write(self, kind: WireFormat, tenant: str, body: bytes, received_ns: int) -> None:
        if self.failing:
            raise Temporary("the disk is full")
        assert kind is WireFormat.OTLP_LOGS_JSON
        self.bodies.append(body)

    @property
    def lines(self) -> list[str]:
        requests = [json.loads(body)["resourceLogs"][0] for body in self.bodies]
        records = [record for request in requests for record in request["scopeLogs"][0]["logRecords"]]
        return [record["body"]["stringValue"] for record in records]


async def _turned(yard: Any) -> None:
    """Wait until a turn is over and the job sleeps; what it reads, it reads in another thread."""
    for _ in range(30_000):
        if yard.clock._sleepers:
            return
        await asyncio.sleep(0.001)


def _tail(yard: Any, intake: Intake, counts: LogCounts, turns: int = 1) -> None:
    async def some_turns() -> None:
        task = asyncio.ensure_future(tail_logs(yard.fleet.view, yard.clock, intake.write, counts))
        for _ in range(turns):
            await _turned(yard)
            await yard.clock.advance(1.0)
        await _turned(yard)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(some_turns())


def test_lines_come_in_once_also_over_a_restart_of_the_platform(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    intake = Intake()
    _tail(yard, intake, LogCounts(), turns=3)
    _tail(yard.again(), intake, LogCounts())
    assert intake.lines == ["ready"]


def test_the_store_understands_what_is_written(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    intake = Intake()
    _tail(yard, intake, LogCounts())
    decoded = TelemetryEngine().decode(WireFormat.OTLP_LOGS_JSON)(intake.bodies[0], yard.clock.wall_ns())
    assert decoded.logs is not None
    assert (decoded.logs.service, decoded.logs.body, decoded.refused) == (["web"], ["ready"], ())


def test_a_flood_is_cut_to_the_rate_and_counted(make_yard: Make) -> None:
    flooding = "for number in range(5000): print('line', number)\nprint('ready', flush=True)"
    command = [sys.executable, "-S", "-c", flooding]
    yard = make_yard(web={"command": command, "log_lines_per_second": 100})
    yard.start()
    intake, counts = Intake(), LogCounts()
    _tail(yard, intake, counts)
    assert (len(intake.lines), counts.seen["web"], counts.dropped["web"]) == (100, 5001, 4901)


def test_lines_that_the_store_cannot_take_are_counted(make_yard: Make) -> None:
    yard = make_yard()
    yard.start()
    counts = LogCounts()
    _tail(yard, Intake(failing=True), counts)
    assert counts.dropped["web"] == 1
