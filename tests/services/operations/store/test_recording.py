"""What a round leaves in the control database, on a real one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from steersman.model.errors import InvalidInput
from steersman.model.incidents import IncidentState
from steersman.model.plans import PlanState
from steersman.model.rounds import Abstained, Command, Decided, IncidentChanged, Judged, Learnt, Noticed, Progress
from steersman.services.operations.store import tables
from steersman.services.operations.store.loading import remember


def record(kept: Any, examples: Any, *commands: Command, **told: Any) -> None:
    with kept.database.transaction() as transaction:
        kept.chronicle.record(transaction, examples.TENANT, commands, examples.T, **told)


def remembered(kept: Any, examples: Any) -> Any:
    with kept.database.reading() as connection:
        return remember(connection, examples.TENANT, examples.T)


def test_a_story_is_a_chain_of_causes_in_the_journal(kept: Any, examples: Any) -> None:
    """From the finding to the lesson, every line names the line that led to it, and the incident as its subject."""
    incident, plan = examples.incident(), examples.plan()
    record(kept, examples, Noticed(examples.finding()), IncidentChanged(incident, "one finding"), Decided(plan))
    record(kept, examples, Judged(plan, examples.verdict(plan), undo=False), Learnt(examples.LESSON))
    entries = kept.journal.read()
    assert [entry.type for entry in entries] == ["ops.finding", "ops.incident", "ops.plan", "ops.verdict", "ops.lesson"]
    assert [entry.cause for entry in entries] == [None, *(entry.id for entry in entries[:-1])]
    assert {entry.subject for entry in entries} == {incident.id}


def test_what_is_not_finished_is_remembered_as_it_was(kept: Any, examples: Any) -> None:
    """A loop that starts again has the very values that were recorded."""
    incident, plan = examples.incident(), examples.plan()
    record(kept, examples, Noticed(examples.finding()), IncidentChanged(incident, "new"), Decided(plan))
    record(kept, examples, Learnt(examples.LESSON))
    found = remembered(kept, examples)
    assert found.incidents == (incident,)
    assert found.findings == (examples.finding(),)
    assert found.plans == (plan,)
    assert found.lessons == (examples.LESSON,)


def test_what_is_finished_is_not_taken_up_again(kept: Any, examples: Any) -> None:
    """Resolved incidents, ended findings and plans that came to an end stay in the tables only."""
    incident = examples.incident(state=IncidentState.RESOLVED)
    record(kept, examples, Noticed(examples.finding(ended=examples.T + 5)), IncidentChanged(incident, "over"))
    record(kept, examples, Decided(examples.plan(state=PlanState.CURED)))
    found = remembered(kept, examples)
    assert (found.incidents, found.findings, found.plans) == ((), (), ())


def test_a_finding_that_is_reported_again_is_an_update(kept: Any, examples: Any) -> None:
    """One row per beginning; a new beginning under the same key ends the one before."""
    record(kept, examples, Noticed(examples.finding()))
    record(kept, examples, Noticed(examples.finding()))
    record(kept, examples, Noticed(examples.finding(at=examples.T + 60_000)))
    with kept.database.reading() as connection:
        rows = connection.execute(select(tables.findings.c.started_ms, tables.findings.c.active)).all()
    assert [tuple(row) for row in rows] == [(examples.T, False), (examples.T + 60_000, True)]


def test_an_earlier_finding_joins_its_incident(kept: Any, examples: Any) -> None:
    """A finding that was noticed rounds before its incident belongs to it from then on, and so does what follows."""
    record(kept, examples, Noticed(examples.finding()))
    record(kept, examples, IncidentChanged(examples.incident(), "grouped"))
    record(kept, examples, Noticed(examples.finding(ended=examples.T + 9)))
    with kept.database.reading() as connection:
        assert connection.execute(select(tables.findings.c.incident)).scalars().all() == [examples.incident().id]
    assert kept.journal.read()[-1].subject == examples.incident().id


def test_progress_moves_a_stored_plan(kept: Any, examples: Any) -> None:
    """What became of a plan outside of the loop is stored with its time; its line is written by who did it."""
    plan = examples.plan()
    record(kept, examples, Decided(plan))
    applied = Progress(plan=plan.id, state="verifying", time_ms=examples.T + 700, outcome="restarted")
    record(kept, examples, progress=[applied])
    (found,) = remembered(kept, examples).plans
    assert (found.state, found.applied_ms, found.outcome) == (PlanState.VERIFYING, examples.T + 700, "restarted")
    assert [entry.type for entry in kept.journal.read()] == ["ops.plan"]


def test_a_verdict_stays_when_the_plan_moves_on(kept: Any, examples: Any) -> None:
    """Undoing a plan does not forget why it was undone."""
    plan = examples.plan()
    record(kept, examples, Decided(plan), Judged(plan, examples.verdict(plan), undo=True))
    record(kept, examples, progress=[Progress(plan=plan.id, state="undone", time_ms=examples.T + 9)])
    with kept.database.reading() as connection:
        row = connection.execute(select(tables.plans.c.state, tables.plans.c.verdict)).one()
    assert (row.state, row.verdict["kind"]) == ("undone", "cured")


def test_a_round_is_recorded_whole_or_not_at_all(kept: Any, examples: Any) -> None:
    """A transaction that fails leaves neither rows nor lines."""
    broken = Abstained(incident=examples.incident().id, kind="wait", reason="a reason", until_ms=object())  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        record(kept, examples, Noticed(examples.finding()), broken)
    assert kept.journal.read() == []
    assert remembered(kept, examples).findings == ()


def test_numbers_that_json_cannot_write_do_not_stop_the_loop(kept: Any, examples: Any) -> None:
    """An infinite score is a large one, and a value that is no number is none."""
    odd = replace(examples.finding(), score=float("inf"), value=float("nan"))
    record(kept, examples, Noticed(odd))
    (found,) = remembered(kept, examples).findings
    assert (found.score, found.value) == (1e9, None)


def test_a_thousand_findings_and_incidents_are_one_transaction(kept: Any, examples: Any) -> None:
    """A storm is recorded at once, and every incident with its own finding."""
    commands: list[Command] = [Noticed(examples.finding(f"f{number}")) for number in range(1000)]
    commands += [
        IncidentChanged(examples.incident(number, findings=(f"f{number}",)), "storm") for number in range(1000)
    ]
    commands.append(Abstained(incident=examples.incident(7).id, kind="wait", reason="too much at once"))
    record(kept, examples, *commands)
    with kept.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(tables.findings)).scalar_one() == 1000
        assert connection.execute(select(func.count()).select_from(tables.incidents)).scalar_one() == 1000
    assert len(kept.journal.read(limit=5000)) == 2001
