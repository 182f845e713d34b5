"""The judge on observations that were made by hand, the traps among them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steersman.services.operations.commands.drill.goals import goals, percentile, reached
from steersman.services.operations.commands.drill.judge import Judgement, judge
from steersman.services.operations.commands.drill.observed import (
    IncidentSeen,
    Look,
    Observation,
    Permit,
    PlanSeen,
    Ranked,
    TrueCause,
    Truth,
)

INJECTED = 100_000
HANG = TrueCause(
    kinds=frozenset({"hang"}),
    entities=frozenset({"service:orders"}),
    affected=frozenset({"service:orders", "service:front"}),
)
TRUTH = Truth(scenario="hang-orders", causes=(HANG,), permits=(Permit("workloads.*", "*orders*"),))
CONTROL = Truth(scenario="surge")
RANKING = (Ranked("hang", "service:orders", 0.7), Ranked("crash", "service:orders", 0.2))


def incident(after: float, **changes: Any) -> IncidentSeen:
    at = INJECTED + round(after * 1000)
    seen = IncidentSeen(
        id="i1",
        seen_ms=at,
        opened_ms=at,
        severity="warning",
        state="open",
        title="orders hangs",
        entities=("service:orders",),
        ranking=RANKING,
    )
    return replace(seen, **changes)


def plan(after: float, **changes: Any) -> PlanSeen:
    at = INJECTED + round(after * 1000)
    seen = PlanSeen(
        id="p1",
        incident="i1",
        action="workloads.restart",
        target="service:orders",
        autonomy="act",
        state="cured",
        decided_ms=at,
        applied_ms=at + 500,
        verdict="cured",
    )
    return replace(seen, **changes)


def looks(*states: tuple[float, bool]) -> tuple[Look, ...]:
    return tuple(Look(INJECTED + round(at * 1000), right) for at, right in states)


def observed(**changes: Any) -> Observation:
    seen = Observation(
        started_ms=INJECTED - 30_000,
        injected_ms=INJECTED,
        ended_ms=INJECTED + 40_000,
        incidents=(incident(3),),
        plans=(plan(6),),
        looks=looks((0.5, True), (1, False), (8, True), (40, True)),
    )
    return replace(seen, **changes)


def test_a_repair_that_the_watcher_made_and_verified_passes() -> None:
    found = judge(TRUTH, observed())
    assert (found.detected, found.rank, found.repaired, found.verified) == (3.0, 1, 8.0, True)
    assert found.passed
    assert found.done == ("workloads.restart on service:orders: cured",)


def test_an_incident_below_a_warning_detects_nothing() -> None:
    assert judge(TRUTH, observed(incidents=(incident(3, severity="info"),))).detected is None


def test_the_incident_detects_from_when_it_touches_what_is_affected() -> None:
    elsewhere = incident(2, entities=("service:cache",))
    assert judge(TRUTH, observed(incidents=(elsewhere, incident(5)))).detected == 5.0


def test_an_incident_from_before_the_injection_detects_nothing_and_is_false() -> None:
    found = judge(TRUTH, observed(incidents=(incident(-10), incident(4, opened_ms=INJECTED - 10_000))))
    assert (found.detected, found.rank, found.false_incidents) == (None, None, 1)


def test_an_incident_that_was_over_before_the_injection_detects_when_it_is_opened_again() -> None:
    opened = INJECTED - 20_000
    past = (incident(-20), incident(-5, state="mitigated", opened_ms=opened))
    found = judge(TRUTH, observed(incidents=(*past, incident(4, opened_ms=opened))))
    assert (found.detected, found.rank, found.verified, found.false_incidents) == (4.0, 1, True, 1)


def test_what_was_done_before_the_injection_is_no_repair() -> None:
    found = judge(TRUTH, observed(plans=(plan(-15),)))
    assert (found.repaired, found.verified) == (None, False)
    assert found.notes == ("came right by itself",)


def test_the_ranking_counts_that_was_shown_when_the_watcher_decided() -> None:
    other_way_round = incident(5, ranking=RANKING[::-1])
    better_later = incident(20)
    assert judge(TRUTH, observed(incidents=(other_way_round, better_later))).rank == 2


def test_a_right_cause_at_a_wrong_place_is_not_ranked() -> None:
    wrong = (Ranked("hang", "service:front", 0.9),)
    assert judge(TRUTH, observed(incidents=(incident(3, ranking=wrong),))).rank is None


def test_a_replica_stands_for_its_service() -> None:
    replica = (Ranked("hang", "process:orders/0", 0.9),)
    found = judge(TRUTH, observed(incidents=(incident(3, entities=("process:orders/0",), ranking=replica),)))
    assert (found.detected, found.rank) == (3.0, 1)


def test_without_any_action_the_last_ranking_counts() -> None:
    shown = (incident(3, ranking=RANKING[::-1]), incident(20))
    assert judge(TRUTH, observed(incidents=shown, plans=())).rank == 1


def test_what_comes_right_by_itself_is_not_a_repair() -> None:
    found = judge(TRUTH, observed(plans=()))
    assert (found.repaired, found.notes) == (None, ("came right by itself",))


def test_what_came_right_before_the_watcher_decided_is_not_its_repair() -> None:
    found = judge(TRUTH, observed(plans=(plan(9),)))
    assert found.repaired is None
    assert found.notes == ("came right by itself before the watcher acted",)


def test_what_breaks_again_is_not_repaired() -> None:
    found = judge(TRUTH, observed(looks=looks((0.5, True), (1, False), (8, True), (30, False))))
    assert (found.repaired, found.notes) == (None, ("it broke again",))


def test_the_time_to_repair_counts_to_the_last_time_that_it_came_right() -> None:
    found = judge(TRUTH, observed(looks=looks((1, False), (8, True), (12, False), (15, True), (40, True))))
    assert found.repaired == 15.0


def test_a_repair_without_the_watchers_own_verdict_is_not_verified() -> None:
    found = judge(TRUTH, observed(plans=(plan(6, state="verifying", verdict=""),)))
    assert found.repaired == 8.0
    assert not found.cured


def test_a_cure_of_another_incident_verifies_nothing() -> None:
    other = incident(4, id="i2", entities=("service:cache",))
    found = judge(TRUTH, observed(incidents=(incident(3), other), plans=(plan(6, incident="i2"),)))
    assert not found.verified


def test_what_never_shows_from_outside_is_repaired_when_the_cure_was_done() -> None:
    found = judge(TRUTH, observed(looks=looks((1, True), (20, True), (40, True))))
    assert found.repaired == 6.5


def test_two_incidents_for_one_cause_are_noted_and_the_first_one_is_ranked() -> None:
    second = incident(9, id="i2", entities=("service:front",), ranking=RANKING[::-1])
    found = judge(TRUTH, observed(incidents=(incident(3), second)))
    assert (found.rank, found.notes, found.false_incidents) == (1, ("2 incidents for hang",), 0)


def test_an_action_that_the_scenario_does_not_allow_is_harm() -> None:
    stray = plan(7, id="p2", action="workloads.stop", target="service:cache")
    found = judge(TRUTH, observed(plans=(plan(6), stray)))
    assert found.harm == ("workloads.stop on service:cache is not what this scenario allows",)
    assert not found.passed


@pytest.mark.parametrize("state", ["suggested", "refused", "nothing_to_do", "awaiting_approval"])
def test_a_plan_without_an_effect_is_no_harm(state: str) -> None:
    stray = plan(7, action="workloads.stop", target="service:cache", state=state, applied_ms=None, verdict="")
    assert judge(TRUTH, observed(plans=(plan(6), stray))).harm == ()


def test_a_verdict_of_worse_and_worse_neighbours_are_harm() -> None:
    bad = plan(6, state="undone", verdict="worse", harm=("service:cache",))
    assert judge(TRUTH, observed(plans=(bad,))).harm == (
        "workloads.restart on service:orders made it worse",
        "workloads.restart on service:orders harmed service:cache",
    )


@pytest.mark.parametrize("state", ["applying", "cured", "refused", "nothing_to_do"])
def test_any_decision_to_act_on_a_control_is_a_failure(state: str) -> None:
    found = judge(CONTROL, observed(plans=(plan(6, state=state),), looks=()))
    assert len(found.harm) == 1
    assert not found.passed


def test_a_suggestion_on_a_control_passes_and_its_incident_is_reported_as_false() -> None:
    hint = plan(6, autonomy="suggest", state="suggested", applied_ms=None, verdict="")
    found = judge(CONTROL, observed(plans=(hint,), looks=()))
    assert found.passed
    assert (found.false_incidents, found.detected, found.repaired) == (1, None, None)


def test_a_watcher_that_died_repaired_nothing() -> None:
    found = judge(TRUTH, observed(watcher_died_ms=INJECTED + 20_000))
    assert (found.repaired, found.failure, found.passed) == (None, "the watcher died", False)


def test_two_faults_are_detected_with_the_later_one_and_ranked_by_the_worse_one() -> None:
    leak = TrueCause(
        kinds=frozenset({"memory_leak"}), entities=frozenset({"service:cache"}), affected=frozenset({"service:cache"})
    )
    ranking = (Ranked("crash", "service:cache", 0.6), Ranked("memory_leak", "service:cache", 0.3))
    second = incident(9, id="i2", entities=("service:cache",), ranking=ranking)
    both = replace(TRUTH, causes=(HANG, leak))
    found = judge(both, observed(incidents=(incident(3), second)))
    assert (found.detected, found.rank, found.verified) == (9.0, 2, False)
    assert judge(both, observed()).detected is None


def test_what_was_done_about_the_first_fault_does_not_settle_the_ranking_of_the_second() -> None:
    """In one incident of two faults, each is ranked when the watcher acts while the incident knows of it."""
    leak = TrueCause(
        kinds=frozenset({"memory_leak"}), entities=frozenset({"service:cache"}), affected=frozenset({"service:cache"})
    )
    late = (Ranked("memory_leak", "service:cache", 0.6), Ranked("crash", "service:cache", 0.3))
    grown = incident(9, opened_ms=INJECTED + 3_000, entities=("service:orders", "service:cache"), ranking=late)
    both = replace(TRUTH, causes=(HANG, leak))
    found = judge(both, observed(incidents=(incident(3), grown), plans=(plan(6), plan(12, id="p2"))))
    assert (found.detected, found.rank) == (9.0, 1)


def test_the_goals_count_a_fault_that_could_not_be_carried_out_as_missed() -> None:
    good = judge(TRUTH, observed())
    broken = judge(TRUTH, observed(failure="the mesh did not start"))
    found = {goal.name: goal for goal in goals([good] * 9 + [broken])}
    assert found["repaired and verified"].reached == "9 of 10 (90%)"
    assert found["detected"].met is False
    assert found["scenarios that could not be carried out"].met is False


def test_the_goals_are_reached_when_everything_passes_and_nothing_is_done_on_controls() -> None:
    passed = [judge(TRUTH, observed()), judge(CONTROL, observed(plans=(), incidents=(), looks=()))]
    assert reached(goals(passed))
    acted = Judgement(scenario="surge", control=True, harm=("acted",))
    assert not reached(goals([*passed, acted]))


def test_the_percentile_is_the_nearest_rank() -> None:
    assert percentile(range(1, 21), 0.95) == 19
    assert percentile([7.0], 0.95) == 7.0
