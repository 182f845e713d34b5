"""What holds whatever the rounds bring: the same commands again, guards that are never passed, lessons that stay chances."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.engine.learn import HALF_LIFE_DAYS, decayed, expected_gain, learnt
from steersman.engine.loop import LoopState, step
from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction
from steersman.model.plain import plain, read
from steersman.model.plans import Autonomy, Lesson, Policy
from steersman.model.rounds import AskRemedies, Decided, Judged, Learnt

DAY = 86_400_000
NAMES = ("front", "orders", "inventory", "payments", "cache", "database", "worker", "batch")
KEEP = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

events = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.sampled_from(NAMES),
        st.sampled_from(list(Aspect)),
        st.sampled_from(list(Direction)),
        st.sampled_from(["info", "warning", "critical"]),
        st.sampled_from(["", *NAMES[:4]]),
        st.integers(1, 25),
    ),
    max_size=14,
)


def play(book: Any, seen: Any, script: list[Any]) -> Any:
    """Play findings that begin and end as the script says."""
    begins: dict[int, list[Any]] = {}
    ends: dict[int, list[Any]] = {}
    for second, name, aspect, direction, severity, peer, lasts in script:
        if peer == name:
            continue
        finding = seen(name, aspect, direction, severity=severity, peer=peer, second=second)
        begins.setdefault(second, []).append(finding)
        ends.setdefault(second + lasts, []).append(finding)
    for second in range(60):
        book.play(*begins.get(second, ()), *book.ended(*ends.get(second, ())))
    return book


@KEEP
@given(script=events)
def test_the_same_rounds_give_the_same_commands_also_from_a_snapshot(
    script: list[Any], playbook: Any, seen: Any, remedy: Any
) -> None:
    """A replay decides as the loop did, and so does a loop that was stopped and started at any round."""
    book = play(playbook(helps=lambda cause: [remedy(cause)], effect=lambda _one: "verifying"), seen, script)
    state, told = LoopState(), []
    for second, (current, noticed) in enumerate(book.rounds):
        state = read(LoopState, json.loads(json.dumps(plain(state))))
        state, commands = step(state, current, noticed)
        told += [(second, command) for command in commands]
    assert told == book.told
    assert state == book.state


@KEEP
@given(script=events, killed=st.booleans())
def test_nothing_is_decided_while_it_is_forbidden(
    script: list[Any], killed: bool, playbook: Any, seen: Any, remedy: Any
) -> None:
    """The kill switch and the freeze hold whatever comes."""
    policy = Policy(killed=killed, frozen=not killed, default=Autonomy.ACT)
    book = play(playbook(policy=policy, helps=lambda cause: [remedy(cause)]), seen, script)
    assert book.all(Decided) == []
    assert book.all(AskRemedies) == []


@KEEP
@given(script=events, budget=st.integers(0, 2), radius=st.integers(0, 2))
def test_the_budget_and_the_blast_radius_are_never_exceeded(
    script: list[Any], budget: int, radius: int, playbook: Any, seen: Any, remedy: Any
) -> None:
    """However much burns, no more is done at a time, and in an hour, than the owner allows."""
    policy = Policy(per_hour=budget, blast_radius=radius, default=Autonomy.ACT, cooldown_seconds=0)
    book = play(playbook(policy=policy, helps=lambda cause: [remedy(cause)]), seen, script)
    acted = [one.plan for one in book.all(Decided) if one.plan.autonomy is Autonomy.ACT]
    assert len(acted) <= budget
    assert len({plan.remedy.target.ref for plan in acted}) <= radius


@KEEP
@given(script=events)
def test_every_incident_that_ends_has_a_decision_on_record(
    script: list[Any], playbook: Any, seen: Any, remedy: Any
) -> None:
    """Decided or abstained, with a reason, and beliefs that are shares."""
    from steersman.model.rounds import Abstained, IncidentChanged

    book = play(playbook(helps=lambda cause: [remedy(cause)]), seen, script)
    decided = {one.plan.incident for one in book.all(Decided)} | {one.incident for one in book.all(Abstained)}
    ended = {one.incident.id for one in book.all(IncidentChanged) if one.incident.state == "resolved"}
    assert ended <= decided
    for one in book.all(IncidentChanged):
        scores = [hypothesis.score for hypothesis in one.incident.hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert 0 <= sum(scores) <= 1.001
    assert all(one.lesson.helped >= 0 and one.lesson.failed >= 0 for one in book.all(Learnt))
    assert all(one.verdict.reason for one in book.all(Judged))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=30), st.floats(0, 1), st.integers(0, 1000))
def test_a_lesson_is_always_a_chance(experiences: list[tuple[bool, int]], declared: float, later: int) -> None:
    """Whatever was seen and however long ago, the gain stays between 0 and 1 and returns to what was declared."""
    lesson, now = Lesson(action="a", situation="s"), 0
    for helped, days in experiences:
        now += days * DAY
        lesson = learnt(lesson, helped=helped, now_ms=now)
    assert 0 <= expected_gain(lesson, declared, now + later * DAY) <= 1
    assert abs(expected_gain(lesson, declared, now + 100_000 * DAY) - declared) < 1e-6


def test_half_a_lesson_is_left_after_its_half_life() -> None:
    """Thirty days halve what was learnt."""
    lesson = learnt(Lesson(action="a", situation="s"), helped=True, now_ms=0)
    assert decayed(lesson, HALF_LIFE_DAYS * DAY).helped == 0.5
    assert decayed(replace(lesson, failed=2.0), HALF_LIFE_DAYS * DAY).failed == 1.0


_SCRIPT = """
import hashlib, sys
from steersman.engine.loop import LoopState, step
from steersman.model.plain import plain
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Direction, Finding, FindingSource
from steersman.model.rounds import Round

state, told = LoopState(), []
aspects, kinds = list(Aspect), list(CauseKind)
for second in range(30):
    found = tuple(
        Finding(key=f"{name}{second}", entity=Entity(EntityKind.SERVICE, name), aspect=aspects[(second * 7 + n) % 25],
                direction=Direction.HIGH, source=FindingSource.DETECTOR, severity="warning", started_ms=second * 1000,
                seen_ms=second * 1000, reason="r", suggests=frozenset(kinds[n : n + 3]),
                peer=Entity(EntityKind.SERVICE, "x") if n % 3 == 0 else None)
        for n, name in enumerate("abcdef")
    )
    state, commands = step(state, Round(now_ms=second * 1000, seed=second), found)
    told += [(type(one).__name__, getattr(one, "incident", None), getattr(one, "why", "")) for one in commands]
print(hashlib.sha256(repr(told).encode()).hexdigest())
"""


def test_no_hash_seed_changes_a_decision() -> None:
    """Sets of strings have another order in every process, and nothing may follow it."""
    outcomes = {
        subprocess.run(
            [sys.executable, "-c", _SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outcomes) == 1
    assert len(outcomes.pop()) == len(hashlib.sha256().hexdigest()) + 1


def test_a_snapshot_of_another_version_is_refused() -> None:
    """What does not fit is not guessed at."""
    import pytest

    with pytest.raises(ValueError, match="LoopState has no extra"):
        read(LoopState, plain(LoopState()) | {"extra": 1})


def test_causes_and_directions_survive_a_snapshot(playbook: Any, seen: Any) -> None:
    """Enums, sets, tuples and keys that are tuples come back as what they were."""
    book = playbook(policy=Policy(limits={"calm_seconds": 3.0}))
    book.run(3, seen("orders", Aspect.QUEUE, suggests=[CauseKind.BACKLOG, CauseKind.HANG], peer="payments"))
    assert read(LoopState, json.loads(json.dumps(plain(book.state)))) == book.state
