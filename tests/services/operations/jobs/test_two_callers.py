"""Two who act at once cannot both be the last one that a limit allows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.contract.fakes import fake_ports
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.ids import Id
from steersman.model.plans import Autonomy, Plan, PlanState, Policy, Remedy, Risk
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.ids import RandomIds
from steersman.services.operations.jobs.execute_records import GuardRefused, Records
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.store import executions, tables


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> list[Records]:
    """Two of them, each with connections of its own to one database."""
    folder = tmp_path_factory.mktemp("callers")
    return [_records(folder) for _ in range(2)]


def _records(folder: Path) -> Records:
    database = SqlDatabase(open_engine(None, folder))
    migrate(database, [HOUSE_LINEAGE])
    tables.prepare(database)
    executions.prepare(database)
    ports = fake_ports(folder, database=database, journal=SqlJournal(database))
    return Records(replace(ports, ids=RandomIds(ports.clock)), Inbox())


def plan(target: str, ids: RandomIds) -> Plan:
    remedy = Remedy(
        action="any.thing",
        args={},
        target=Entity(EntityKind.SERVICE, target),
        cause=CauseKind.HANG,
        risk=Risk.REVERSIBLE,
        summary="",
    )
    return Plan(
        id=ids.new(),
        incident=Id("i"),
        remedy=remedy,
        cause="",
        confidence=1,
        autonomy=Autonomy.ACT,
        decided_ms=0,
        reason="",
        state=PlanState.APPROVED,
    )


TARGETS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TARGETS, TARGETS, st.integers(1, 3), st.integers(1, 5))
def test_two_callers_together_stay_inside_every_limit(
    callers: list[Records], ones: list[str], others: list[str], blast_radius: int, per_hour: int
) -> None:
    """However their transactions meet: as many as are allowed are begun, and never one more."""
    policy = Policy(blast_radius=blast_radius, per_hour=per_hour, cooldown_seconds=60)
    with callers[0].ports.database.transaction() as transaction:
        transaction.execute(executions.executions.delete())
    begun: list[str] = []
    together = threading.Barrier(2)

    def act(records: Records, targets: list[str]) -> None:
        plans = [plan(target, RandomIds(records.ports.clock)) for target in targets]
        for one in plans:
            records.take(one)
        together.wait(10)
        for one in plans:
            execution = records.find(one.id)
            assert execution is not None
            try:
                records.begin(execution, policy, {})
            except GuardRefused:
                continue
            begun.append(one.remedy.target.id)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(act, *pair) for pair in zip(callers, (ones, others), strict=True)]:
            done.result(30)
    assert len(begun) == len(set(begun))
    assert len(begun) == min(blast_radius, per_hour, len({*ones, *others}))


def test_one_plan_is_begun_by_one_of_two(callers: list[Records]) -> None:
    """The other finds that it goes on already."""
    one = plan("z", RandomIds(callers[0].ports.clock))
    callers[0].take(one)
    seen = [records.find(one.id) for records in callers]
    policy = Policy(cooldown_seconds=0, blast_radius=100, per_hour=1000)
    callers[0].begin(seen[0], policy, {})  # type: ignore[arg-type]
    with pytest.raises(GuardRefused, match="somebody else"):
        callers[1].begin(seen[1], policy, {})  # type: ignore[arg-type]
