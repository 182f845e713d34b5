"""`steersman bench api`: how quickly the API answers while ten thousand incidents are stored.

It fills a fresh data directory through the store that the loop writes with, starts a platform on it, and runs the four
standard loads and a flood of alerts one after the other with a client in a process of its own. Both share the machine,
as they would.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import psutil
import typer

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.ids import DEFAULT_TENANT, Id, uuid7
from steersman.model.incidents import Evidence, Hypothesis, Incident, IncidentState
from steersman.model.plans import Autonomy, Plan, PlanState, Remedy, Risk, Verdict, VerdictKind
from steersman.model.rounds import Command, Decided, IncidentChanged, Judged, Noticed
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.datadir import DataDir
from steersman.runtime.ids import RandomIds
from steersman.services.operations.commands import bench_load
from steersman.services.operations.commands.drill.waiting import wait_until
from steersman.services.operations.commands.drill.watcher import TOKEN, Watcher
from steersman.services.operations.store.recording import Chronicle
from steersman.services.operations.store.tables import prepare

_MINUTE_MS = 60_000
_BATCH = 500
_SERVICES = 40
#: So many different incidents are asked for one by one.
_SINGLE = 1_000
_DECIDED_SECONDS = 120.0
#: The platform alone: nothing is scraped and the machine is not watched, so that the API is what is measured.
_SETTINGS = "[telemetry.host]\nenabled = false\n"


@dataclass(frozen=True, slots=True)
class Load:
    """So many clients, each asking so often for these addresses in turn. Single incidents are asked for by id.

    With a body, each is a post of one alert that was not sent before.
    """

    name: str
    clients: int
    requests: int
    paths: tuple[str, ...]
    single: bool = False
    body: str = ""


_ALERT = json.dumps(
    [
        {
            "labels": {"alertname": "HighLatency", "service": "service-1", "case": bench_load.NUMBER.decode()},
            "annotations": {"summary": "answers take 1.8 s"},
        }
    ]
)
LOADS = (
    Load("engine", 100, 1_000, ("/api/ops/status", "/api/ops/incidents?limit=20"), single=True),
    Load("maintenance", 50, 500, ("/api/ops/maintenance",)),
    Load("optimiser", 30, 300, ("/api/ops/recommendations",)),
    Load("capacity", 20, 200, ("/api/ops/capacity", "/api/ops/forecasts")),
    Load("alerts", 100, 100, ("/api/v2/alerts",), body=_ALERT),
)

_Incidents = Annotated[int, typer.Option(help="Incidents that are stored before the start.")]
_Share = Annotated[float, typer.Option(help="The share of each client's requests that is made; 1 is the standard.")]


def api(incidents: _Incidents = 10_000, share: _Share = 1.0) -> None:
    """Print requests a second, percentiles, errors and CPU for the four standard loads and a flood of alerts."""
    with tempfile.TemporaryDirectory(prefix="steersman-bench-") as folder:
        typer.echo(json.dumps(measure(Path(folder), incidents, share), indent=2))


def measure(folder: Path, incidents: int, share: float = 1.0) -> dict[str, Any]:
    """Fill, start, load, and return the figures by load; an address that is not there is left out and named."""
    watcher = Watcher(folder, _SETTINGS)
    ids = fill(watcher.data, incidents)
    watcher.start()
    try:
        return {"incidents": incidents, **{load.name: _figures(watcher, load, ids, share) for load in LOADS}}
    finally:
        watcher.stop()


def _figures(watcher: Watcher, load: Load, ids: list[Id], share: float) -> dict[str, Any]:
    there = [path for path in load.paths if watcher.request("GET", path)[0] == 200]
    missing = [path for path in load.paths if path not in there]
    if not there:
        return {"missing": missing}
    if load.single:
        some = ids[:: max(1, len(ids) // _SINGLE)]
        there = [path for one in some for path in (*there, f"/api/ops/incidents/{one}")]
    server, requests = psutil.Process(watcher.pid), max(1, round(load.requests * share))
    before = server.cpu_times()
    plan = {"port": watcher.port, "token": TOKEN, "clients": load.clients, "requests": requests, "paths": there}
    # Each client begins at an address of its own, a prime apart, and alerts are all different ones.
    plan |= {"body": load.body, "apart": 7_919 if not load.body else requests}
    command = [sys.executable, "-m", bench_load.__name__, json.dumps(plan)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    if load.body:
        begin = perf_counter()
        wait_until(lambda: not watcher.get(there[0], active="false"), _DECIDED_SECONDS, "every alert is decided upon")
        found["decided_after_seconds"] = perf_counter() - begin
    after = server.cpu_times()
    server_seconds = after.user + after.system - before.user - before.system
    answers = max(1, found["requests"])
    found["clients"] = load.clients
    found["server_cpu_ms_per_request"] = 1e3 * server_seconds / answers
    found["client_cpu_ms_per_request"] = 1e3 * found.pop("client_cpu_seconds") / answers
    return found | ({"missing": missing} if missing else {})


def fill(data: Path, incidents: int) -> list[Id]:
    """Store incidents that look like a year of trouble, each with a finding and most with a plan; return their ids."""
    clock = SystemClock()
    directory = DataDir.open(data)
    database = SqlDatabase(open_engine(None, directory.database))
    try:
        migrate(database, [HOUSE_LINEAGE])
        prepare(database)
        chronicle = Chronicle(SqlJournal(database), RandomIds(clock))
        stories = list(_stories(incidents, clock.wall_ns() // 1_000_000))
        for start in range(0, len(stories), _BATCH):
            with database.transaction() as transaction:
                commands = [command for story in stories[start : start + _BATCH] for command in story.commands]
                chronicle.record(transaction, DEFAULT_TENANT, commands, stories[start].time_ms)
        return [story.id for story in stories]
    finally:
        database.close()
        directory.close()


@dataclass(frozen=True, slots=True)
class _Story:
    id: Id
    time_ms: int
    commands: tuple[Command, ...]


def _stories(count: int, now_ms: int) -> Iterator[_Story]:
    chance = random.Random(7)  # noqa: S311 - the same stories every time
    for number in range(count):
        time_ms = now_ms - (count - number) * 50 * _MINUTE_MS
        yield _story(number, time_ms, chance, is_open=number >= count - 12)


def _story(number: int, time_ms: int, chance: random.Random, *, is_open: bool) -> _Story:
    mine, cause = uuid7(time_ms, chance.getrandbits), chance.choice(list(CauseKind))
    service = Entity(EntityKind.SERVICE, f"service-{number % _SERVICES}")
    finding = Finding(
        key=f"latency:{number}",
        entity=service,
        aspect=Aspect.LATENCY,
        direction=Direction.HIGH,
        source=FindingSource.DETECTOR,
        severity="critical",
        started_ms=time_ms,
        seen_ms=time_ms + _MINUTE_MS,
        reason="answers take 1.8 s instead of 21 ms",
        value=1.8,
        expected=0.021,
        ended_ms=None if is_open else time_ms + 2 * _MINUTE_MS,
    )
    evidence = tuple(Evidence(f"observation {line} of {service.id}", 1.5 - line / 2, finding.key) for line in range(4))
    plan = _plan(number, mine, service, cause, time_ms, chance)
    incident = Incident(
        id=mine,
        opened_ms=time_ms,
        updated_ms=time_ms + 3 * _MINUTE_MS,
        severity=chance.choice(("info", "warning", "critical")),
        title=f"{service.id} answers slowly",
        state=IncidentState.OPEN if is_open else IncidentState.RESOLVED,
        findings=(finding.key,),
        entities=(service.ref,),
        hypotheses=(Hypothesis(cause, service, 0.83, evidence), Hypothesis(CauseKind.CRASH, service, 0.17, evidence)),
        plans=(plan.id,),
        resolved_ms=None if is_open else time_ms + 3 * _MINUTE_MS,
    )
    verdict = Verdict(plan=plan.id, kind=VerdictKind.CURED, time_ms=time_ms + _MINUTE_MS, reason="latency is back")
    told = (Noticed(finding), IncidentChanged(incident, "a finding"), Decided(plan), Judged(plan, verdict, undo=False))
    return _Story(mine, time_ms, told)


def _plan(number: int, incident: Id, service: Entity, cause: CauseKind, time_ms: int, chance: random.Random) -> Plan:
    remedy = Remedy(
        action="workloads.restart",
        args={"service": service.id},
        target=service,
        cause=cause,
        risk=Risk.DISRUPTIVE,
        summary=f"restart {service.id}",
    )
    return Plan(
        id=uuid7(time_ms + 1, chance.getrandbits),
        incident=incident,
        remedy=remedy,
        cause=f"{cause}@{service.ref}",
        confidence=0.83,
        autonomy=Autonomy.ACT,
        decided_ms=time_ms + 1_000,
        reason=f"case {number}",
        state=PlanState.CURED,
    )
