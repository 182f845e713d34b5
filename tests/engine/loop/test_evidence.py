from __future__ import annotations

from typing import Any

import pytest

from steersman.model.entities import Entity, EntityKind
from steersman.model.findings import Aspect, Direction
from steersman.model.rounds import Ask, Decided, Trend

PAYMENTS = Entity(EntityKind.SERVICE, "payments")


@pytest.fixture
def down(seen: Any) -> Any:
    return seen("payments", Aspect.AVAILABILITY, Direction.LOW, severity="critical")


def processor(now: float) -> Trend:
    return Trend(entity=PAYMENTS, aspect=Aspect.CPU, signal="cpu", before=0.4, now=now, usual=0.02)


def test_a_trend_is_asked_for_where_two_causes_are_believed_alike(playbook: Any, down: Any) -> None:
    """Whether it crashed or hangs shows in what the process still uses."""
    book = playbook()
    book.run(2, down)
    (asked,) = book.all(Ask)[:1]
    assert Aspect.CPU in {question.aspect for question in asked.questions}
    assert {question.entity.ref for question in asked.questions} == {"service:payments"}


@pytest.mark.parametrize(("now", "cause"), [(0.0, "hang"), (0.41, "crash")])
def test_an_answer_tells_them_apart(now: float, cause: str, playbook: Any, down: Any) -> None:
    """A processor at rest speaks for a hang; one that is as busy as ever speaks against it."""
    book = playbook()
    book.play(down)
    before = book.incident().hypotheses
    book.run(3, trends=(processor(now),))
    assert book.top == f"{cause}@service:payments"
    assert book.incident().hypotheses[0].score != before[0].score


def test_no_more_than_two_rounds_of_questions_hold_a_decision_up(playbook: Any, remedy: Any, down: Any) -> None:
    """An answer that never comes is not waited for."""
    book = playbook(helps=lambda cause: [remedy(cause)])
    book.run(12, down)
    assert len(book.all(Ask)) <= 2
    assert len(book.all(Decided)) == 1
