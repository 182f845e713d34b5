"""The loop records before anything follows, waits while it cannot, and goes on where its journal ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from steersman.contract.fakes import SeededIds, fake_ports
from steersman.contract.ports import Ports
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.errors import Temporary
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.incidents import IncidentState
from steersman.model.plans import Plan, Policy, Remedy, Risk
from steersman.model.rounds import Feedback, Judged, Telemetry
from steersman.services.operations.jobs.inbox import Inbox
from steersman.services.operations.jobs.loop import Loop
from steersman.services.operations.logic.bulletin import Bulletin
from steersman.services.operations.store.people import People

ORDERS = Entity(EntityKind.SERVICE, "orders", (("self_healing", "true"),))
T = 1_790_000_000_000


def gone(second: int = 0, *, ended: int | None = None, source: FindingSource = FindingSource.HEALTH) -> Finding:
    return Finding(
        key="gone",
        entity=ORDERS,
        aspect=Aspect.AVAILABILITY,
        direction=Direction.GONE,
        source=source,
        severity="critical",
        started_ms=T + second * 1000,
        seen_ms=T + second * 1000,
        reason="it was killed",
        suggests=frozenset({CauseKind.CRASH}),
        ended_ms=ended,
    )


@dataclass
class Hands:
    """An executor that only remembers what it was asked for."""

    submitted: list[Plan] = field(default_factory=list)

    def remedies(self, hypotheses: Any) -> list[Remedy]:
        return [
            Remedy(action="x.start", args={}, target=ORDERS, cause=one.cause, risk=Risk.REVERSIBLE, summary="start it")
            for one in hypotheses
        ]

    def submit(self, plan: Plan) -> None:
        self.submitted.append(plan)

    def judged(self, judged: Judged) -> None:
        """Nothing is kept or taken back here."""

    def close(self, incident: Any) -> None:
        """Nothing waits here."""


@dataclass
class Refusing:
    """A database that refuses to write for as long as it is told to."""

    database: Any
    refusing: bool = False

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        if self.refusing:
            raise Temporary("the disk is full")
        with self.database.transaction() as transaction:
            yield transaction

    def reading(self) -> Any:
        return self.database.reading()


@dataclass
class Life:
    """One loop in a folder with its database; `play` turns it once a second."""

    loop: Loop
    hands: Hands
    database: Refusing
    second: int = 0

    def play(self, *findings: Finding, rounds: int = 1) -> None:
        for one in findings:
            self.loop.inbox.found(one)
        for _ in range(rounds):
            self.second += 1
            self.loop.turn(self.loop.round_of(T + self.second * 1000, Telemetry()))


@pytest.fixture
def live(kept: Any, tmp_path: Path) -> Any:
    """Begin a life of the loop; the next one finds what the last one recorded."""

    def begin(second: int = 0) -> Life:
        database = Refusing(kept.database)
        ports: Ports = replace(fake_ports(tmp_path), database=database, journal=kept.journal)  # type: ignore[arg-type]
        hands = Hands()
        loop = Loop(
            ports=ports,
            inbox=Inbox(),
            chronicle=kept.chronicle,
            executor=hands,  # type: ignore[arg-type]
            bulletin=Bulletin(),
            policy=lambda _now: Policy(),
        )
        loop.resume()
        return Life(loop, hands, database, second)

    return begin


def test_what_is_found_ends_in_a_plan_that_is_recorded_before_it_is_carried_out(live: Any, kept: Any) -> None:
    """The plan stands in the journal when the executor hears of it."""
    life = live()
    life.play(gone(), rounds=8)
    assert [plan.remedy.action for plan in life.hands.submitted] == ["x.start"]
    kinds = [entry.type for entry in kept.journal.read(limit=1000)]
    assert {"ops.finding", "ops.incident", "ops.plan"} <= set(kinds)


def test_nothing_is_done_while_nothing_can_be_recorded(live: Any, kept: Any) -> None:
    """Decisions wait for the database, and are recorded and carried out once it takes them again."""
    life = live()
    life.database.refusing = True
    life.play(gone(), rounds=8)
    assert life.hands.submitted == []
    assert "disk is full" in life.loop.bulletin.status.trouble
    assert kept.journal.read(limit=10) == []
    life.database.refusing = False
    life.play(rounds=8)
    assert len(life.hands.submitted) == 1
    assert life.loop.bulletin.status.trouble == ""


def test_a_loop_that_was_killed_goes_on_where_its_journal_ends(live: Any) -> None:
    """The open incident is the same one after the kill, and is decided upon once."""
    life = live()
    life.play(gone(), rounds=2)
    (before,) = life.loop.state.cases
    again = live(second=life.second)
    assert list(again.loop.state.cases) == [before]
    again.play(gone(2), rounds=8)
    assert len(life.hands.submitted) + len(again.hands.submitted) == 1


def test_a_state_of_another_version_is_left_behind(live: Any, kept: Any) -> None:
    """What this version cannot read is no reason not to start."""
    life = live()
    life.play(gone(), rounds=2)
    from steersman.services.operations.store import resuming

    with kept.database.transaction() as transaction:
        resuming.keep_state(transaction, gone().tenant, b'{"strange": 1}', T)
    assert live().loop.state.cases == {}


def test_a_round_with_nothing_but_alerts_is_recorded(live: Any, kept: Any) -> None:
    """An alert is decided upon when its round is written down, also one that changes nothing."""
    life = live()
    life.play(replace(gone(source=FindingSource.ALERT), severity="info"), rounds=1)
    assert any(one.tells for one in life.loop._waiting) is False
    assert life.loop.rounds == 1


def test_what_was_learnt_survives_in_its_file(live: Any) -> None:
    """The detectors' memory is written whole and read again."""
    life = live()
    life.play(rounds=1)
    life.loop.keep()
    assert (life.loop.folder / "learnt").exists()
    assert live().loop.senses.levels() == life.loop.senses.levels()


def test_what_the_loop_makes_of_a_fault_stands_in_the_log_as_well(live: Any) -> None:
    """Opened, explained and decided: whoever has only a terminal reads it there, once it is recorded."""
    life = live()
    with structlog.testing.capture_logs() as told:
        life.database.refusing = True
        life.play(gone(), rounds=2)
        assert not [line for line in told if line["event"].startswith("loop ")]
        life.database.refusing = False
        life.play(rounds=8)
    said = [f"{line['event']}: {line['told']}" for line in told if line["event"].startswith("loop ")]
    assert {line["incident"] for line in told if line["event"] == "loop incident"} == set(life.loop.state.cases)
    for words in ("loop incident: [open, critical]", "crash", ": x.start on service:orders"):
        assert any(words in line for line in said), words


def test_a_flood_of_incidents_does_not_flood_the_log(live: Any) -> None:
    """A thousand alerts about a thousand services are two dozen lines, of which the last names the rest."""
    many = [
        replace(gone(), key=f"alert-{number}", entity=Entity(EntityKind.SERVICE, str(number))) for number in range(99)
    ]
    with structlog.testing.capture_logs() as told:
        live().play(*many)
    assert len([line for line in told if line["event"].startswith("loop ")]) == 20
    assert told[-1]["more"] >= 79


def test_a_persons_word_that_a_kill_kept_from_the_loop_is_heard_at_the_next_start(live: Any, kept: Any) -> None:
    """It was on disk, and the process died before the round; the life after the next does not hear it again."""
    life = live()
    life.play(gone(), rounds=2)
    (incident,) = life.loop.state.cases
    said = Feedback(incident=incident, kind="acknowledged", time_ms=T + 2_500, actor="ann", text="I look")
    with kept.database.transaction() as transaction:
        People(kept.journal, SeededIds(seed=7)).feedback(transaction, gone().tenant, said)
    for second in (3, 5):
        life = live(second=second)
        life.play(gone(second))
        (case,) = life.loop.state.cases.values()
        assert case.incident.state is IncidentState.ACKNOWLEDGED
        assert case.incident.notes == ("ann: acknowledged, I look",)
