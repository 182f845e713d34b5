from __future__ import annotations

from typing import Any

import pytest

from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction, FindingSource
from steersman.model.incidents import IncidentState
from steersman.model.plans import Autonomy, PlanState
from steersman.model.rounds import AskRemedies, Decided, IncidentChanged, Learnt, Noticed


@pytest.fixture
def down(seen: Any) -> Any:
    return seen(
        "orders",
        Aspect.AVAILABILITY,
        Direction.GONE,
        severity="critical",
        source=FindingSource.HEALTH,
        suggests=[CauseKind.CRASH],
        reason="the process of orders/0 exited with code 1",
    )


def test_a_crash_is_explained_repaired_verified_and_resolved(playbook: Any, remedy: Any, down: Any) -> None:
    """One crash goes through every stage of the loop."""
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.run(4, down)
    asked, (decided,) = book.all(AskRemedies)[0], book.all(Decided)
    assert asked.hypotheses[0].key == "crash@service:orders"
    assert (decided.plan.autonomy, decided.plan.state) == (Autonomy.ACT, PlanState.APPROVED)
    book.run(20, *book.ended(down))
    assert book.verdicts == ["cured"]
    assert [one.lesson.helped for one in book.all(Learnt)] == [1.0]
    assert book.incident().state is IncidentState.RESOLVED
    assert book.incident().resolution == "repair orders: cured after 4 s"
    assert (book.state.incidents, book.state.plans) == ({}, {})


def test_a_decision_comes_within_three_seconds_of_a_crash_that_was_seen(playbook: Any, remedy: Any, down: Any) -> None:
    """What its supervisor saw end needs no second look."""
    book = playbook(helps=lambda cause: [remedy(cause)])
    book.run(3, down)
    assert [second for second, one in book.told if isinstance(one, Decided)] == [2]


def test_the_title_says_what_where_and_why(playbook: Any, down: Any, changed: Any) -> None:
    """People know an incident by one sentence."""
    from steersman.model.changes import ChangeKind

    book = playbook()
    book.run(2, down)
    text = "orders: the process of orders/0 exited with code 1, caused by a crash of orders"
    assert book.incident().title == text
    other = playbook()
    other.run(2, down, changes=(changed("orders", ChangeKind.DEPLOY),))
    assert other.incident().title.endswith(", caused by a deploy of orders 3 s before")


def test_what_is_still_so_is_told_once(playbook: Any, down: Any) -> None:
    """A finding that is reported every second gives no line every second."""
    book = playbook()
    for _ in range(10):
        book.play(down)
    assert len(book.all(Noticed)) == 1
    assert len(book.all(IncidentChanged)) <= 3


def test_information_opens_no_incident_and_joins_the_one_that_it_touches(playbook: Any, seen: Any, down: Any) -> None:
    """A note about an entity is evidence once something is wrong with it."""
    note = seen("orders", Aspect.CPU, severity="info")
    book = playbook()
    book.run(3, note)
    assert book.state.incidents == {}
    book.run(2, down)
    assert book.incident().findings == (down.key, note.key)


def test_what_comes_back_soon_is_the_old_incident(playbook: Any, down: Any) -> None:
    """An incident that was just resolved is opened again, and knows it."""
    book = playbook()
    book.run(3, down)
    book.run(15, *book.ended(down))
    assert book.incident().state is IncidentState.RESOLVED
    book.run(2, down)
    assert book.incident().state is IncidentState.OPEN


def test_other_trouble_soon_after_is_not_the_old_incident(playbook: Any, down: Any, seen: Any) -> None:
    """That something was down a minute ago says nothing about its slow answers now."""
    book = playbook()
    book.run(3, down)
    book.run(15, *book.ended(down))
    book.run(2, seen("orders", Aspect.LATENCY, second=18))
    assert len({one.incident.id for one in book.all(IncidentChanged)}) == 2


def test_an_old_complaint_about_the_machine_does_not_swallow_what_happens_on_it(playbook: Any, seen: Any) -> None:
    """Services that answer have a machine to run on, whatever one of its interfaces says."""
    book = playbook()
    book.run(5, seen("host:box", Aspect.AVAILABILITY, Direction.LOW, severity="critical"))
    book.run(3, seen("orders", Aspect.ERRORS, second=5), seen("front", Aspect.ERRORS, peer="orders", second=5))
    assert [one.entities for one in book.state.incidents.values()] == [
        ("host:box",),
        ("service:orders", "service:front"),
    ]


def test_what_comes_back_later_is_another_incident(playbook: Any, down: Any) -> None:
    """Two minutes after its end an incident is history."""
    book = playbook()
    book.run(3, down)
    book.run(150, *book.ended(down))
    book.run(2, down)
    assert len({one.incident.id for one in book.all(IncidentChanged)}) == 2


def test_a_service_that_went_down_three_times_crashes_in_a_loop(playbook: Any, down: Any) -> None:
    """The same end again and again is another cause than one end."""
    book = playbook()
    for _ in range(3):
        book.run(4, down)
        book.run(15, *book.ended(down))
    book.run(3, down)
    assert book.top == "crash_loop@service:orders"
