"""Values of the vocabulary that the tests of this slice share, and a real control database in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from steersman.contract.fakes import SeededIds
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.ids import DEFAULT_TENANT, Id
from steersman.model.incidents import Evidence, Hypothesis, Incident
from steersman.model.plans import Autonomy, Lesson, Plan, PlanState, Remedy, Risk, Verdict, VerdictKind
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.services.operations.store.recording import Chronicle
from steersman.services.operations.store.tables import prepare

T = 1_790_000_000_000
ORDERS = Entity(EntityKind.SERVICE, "orders")


class Examples:
    """Values of one story: orders hangs, is restarted, and is well again. Numbers make different ones."""

    T = T
    ORDERS = ORDERS
    TENANT = DEFAULT_TENANT
    LESSON = Lesson(action="workloads.restart", situation="hang@service", helped=1.0, updated_ms=T)

    @staticmethod
    def finding(key: str = "latency", *, at: int = T, ended: int | None = None, entity: Entity = ORDERS) -> Finding:
        return Finding(
            key=key, entity=entity, aspect=Aspect.LATENCY, direction=Direction.HIGH, source=FindingSource.DETECTOR,
            severity="critical", started_ms=at, seen_ms=at, reason="it takes 2 s instead of 20 ms", value=2.0,
            expected=0.02, suggests=frozenset({CauseKind.HANG, CauseKind.CRASH}), ended_ms=ended,
        )  # fmt: skip

    @staticmethod
    def incident(number: int = 1, *, findings: tuple[str, ...] = ("latency",), **changed: object) -> Incident:
        evidence = (Evidence("no request has been answered for 9 s", 2.0, "latency"),)
        beliefs = (Hypothesis(CauseKind.HANG, ORDERS, 0.8, evidence), Hypothesis(CauseKind.CRASH, ORDERS, 0.2))
        values: dict[str, object] = {
            "id": Id(f"00000000-0000-7000-8000-{number:012d}"), "opened_ms": T + number, "updated_ms": T + number,
            "severity": "critical", "title": "orders answers slowly", "findings": findings,
            "entities": (ORDERS.ref,), "hypotheses": beliefs,
        }  # fmt: skip
        return Incident(**{**values, **changed})  # type: ignore[arg-type]

    @staticmethod
    def plan(number: int = 1, *, state: PlanState = PlanState.APPLYING, incident: int = 1) -> Plan:
        remedy = Remedy(
            action="workloads.restart", args={"service": "orders"}, target=ORDERS, cause=CauseKind.HANG,
            risk=Risk.DISRUPTIVE, summary="restart orders", undo="start it again",
        )  # fmt: skip
        return Plan(
            id=Id(f"00000000-0000-7000-9000-{number:012d}"), incident=Examples.incident(incident).id, remedy=remedy,
            cause="hang@service:orders", confidence=0.8, autonomy=Autonomy.ACT, decided_ms=T + number,
            reason="a restart helps against a hang", state=state,
        )  # fmt: skip

    @staticmethod
    def verdict(plan: Plan) -> Verdict:
        return Verdict(plan=plan.id, kind=VerdictKind.CURED, time_ms=T + 9_000, reason="latency is back")


@dataclass(frozen=True, slots=True)
class Kept:
    """The real control database with the tables of the house and of this slice."""

    database: SqlDatabase
    journal: SqlJournal
    chronicle: Chronicle


@pytest.fixture
def examples() -> type[Examples]:
    return Examples


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Open the control database of a platform that has just been installed."""
    database = SqlDatabase(open_engine(None, tmp_path))
    migrate(database, [HOUSE_LINEAGE])
    prepare(database)
    journal = SqlJournal(database)
    yield Kept(database, journal, Chronicle(journal, SeededIds()))
    database.close()
