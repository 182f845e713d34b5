from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from steersman.model.entities import CauseKind
from steersman.model.findings import Aspect, Direction, FindingSource
from steersman.model.plans import PlanState, Risk
from steersman.model.rounds import Abstained, Decided, Judged, Learnt, Progress

LOW = Direction.LOW


@pytest.fixture
def leak(seen: Any) -> Any:
    return seen("orders", Aspect.MEMORY)


def three(remedy: Any) -> Any:
    """Offer three things for every cause, the best first."""
    return lambda cause: [
        remedy(cause, action=f"shop.{name}", gain=gain)
        for name, gain in (("a", 0.9), ("b", 0.7), ("c", 0.5), ("d", 0.4))
    ]


def test_what_does_not_help_is_followed_by_the_next_best_and_never_repeated(
    playbook: Any, remedy: Any, leak: Any
) -> None:
    """Three acts, each another one, and then a person."""
    book = playbook(helps=three(remedy), effect=lambda _decided: "verifying")
    book.run(200, leak)
    assert [one.plan.remedy.action for one in book.all(Decided)] == ["shop.a", "shop.b", "shop.c"]
    assert book.verdicts == ["unchanged"] * 3
    last = book.all(Abstained)[-1]
    assert (last.kind, last.reason) == ("escalate", "3 actions did not help: a person has to look")
    assert [one.lesson.failed for one in book.all(Learnt)] == [1.0] * 3


def test_a_reversible_act_that_did_not_help_is_undone_before_the_next(playbook: Any, remedy: Any, leak: Any) -> None:
    """What was changed in vain is taken back, and only then something else is tried."""
    gentle = {"risk": Risk.REVERSIBLE, "reversible": True}
    book = playbook(
        helps=lambda cause: [remedy(cause, action=f"shop.{name}", **gentle) for name in "ab"],
        effect=lambda _decided: "verifying",
    )
    book.run(45, leak)
    (judged,) = book.all(Judged)
    assert judged.undo
    assert len(book.all(Decided)) == 1
    book.play(progress=(Progress(plan=judged.plan.id, state="undone", time_ms=0),))
    book.run(3)
    assert [one.plan.remedy.action for one in book.all(Decided)] == ["shop.a", "shop.b"]


def test_collateral_damage_is_worse_whatever_became_of_the_incident(
    playbook: Any, remedy: Any, leak: Any, seen: Any
) -> None:
    """A neighbour that broke after the act, and stays broken, is harm, and the act is undone."""
    book = playbook(
        helps=lambda cause: [remedy(cause, risk=Risk.REVERSIBLE, reversible=True)], effect=lambda _decided: "verifying"
    )
    book.run(6, leak)
    broken = seen("inventory", Aspect.ERRORS, severity="critical", second=8)
    book.play()
    book.play(*book.ended())
    book.play(broken)
    book.run(15)
    (judged,) = book.all(Judged)
    assert (judged.verdict.kind, judged.undo, judged.verdict.harm) == ("worse", True, ("service:inventory",))


def test_a_victim_that_falls_while_the_cause_persists_is_no_harm(
    playbook: Any, remedy: Any, leak: Any, seen: Any
) -> None:
    """Who needs what is still broken suffers from that, not from the act."""
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.run(8, leak)
    book.run(60, seen("front", Aspect.ERRORS, severity="critical", second=9))
    assert book.verdicts[0] == "unchanged"


def test_the_trace_of_a_restart_is_no_harm(playbook: Any, remedy: Any, leak: Any, seen: Any) -> None:
    """Callers feel a restart for a moment."""
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.run(6, leak)
    felt = [seen("front", Aspect.ERRORS, severity="critical", second=6), seen("orders", Aspect.RESTARTS, second=6)]
    book.run(3, *felt)
    book.run(12, *book.ended(leak, felt[0]))
    assert book.verdicts == ["cured"]


def test_a_cure_is_believed_only_when_it_lasts(playbook: Any, remedy: Any, leak: Any) -> None:
    """A finding that ends for two seconds and comes back is no cure."""
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.run(8, leak)
    book.run(2, *book.ended(leak))
    book.run(2, leak)
    assert book.verdicts == []


@pytest.mark.parametrize("state", ["failed", "nothing_to_do", "rejected", "expired"])
def test_a_plan_that_had_no_effect_is_followed_by_the_next_best(
    state: str, playbook: Any, remedy: Any, leak: Any
) -> None:
    """Whatever became of a plan, the incident goes on."""
    effects = iter([state])
    book = playbook(helps=three(remedy), effect=lambda _decided: next(effects, ""))
    book.run(40, leak)
    assert [one.plan.remedy.action for one in book.all(Decided)][:2] == ["shop.a", "shop.b"]
    assert len(book.all(Learnt)) == (state == "failed")


def test_a_refusal_by_the_executor_is_tried_again_later(playbook: Any, remedy: Any, leak: Any) -> None:
    """A guard outside of the loop says nothing about the remedy; after three refusals a person has to look."""
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "refused")
    book.run(120, leak)
    seconds = [second for second, one in book.told if isinstance(one, Decided)]
    assert len(seconds) == 3
    assert min(two - one for one, two in pairwise(seconds)) >= 20
    assert book.all(Abstained)[-1].kind == "escalate"


def test_two_faults_at_once_are_two_incidents_with_their_own_cures(playbook: Any, remedy: Any, seen: Any) -> None:
    """What one act cures is not held against it because of the other fault."""
    crash = seen("payments", Aspect.AVAILABILITY, LOW, severity="critical")
    full = seen("cache", Aspect.DISK, severity="critical")
    victim = seen("orders", Aspect.ERRORS, severity="critical", second=1)
    other = seen("inventory", Aspect.ERRORS, severity="critical", second=1)
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.play(crash, full)
    book.run(7, victim, other)
    assert {one.plan.cause for one in book.all(Decided)} == {"crash@service:payments", "disk_full@service:cache"}
    book.run(8, *book.ended(crash))
    assert {(one.plan.cause, one.verdict.kind) for one in book.all(Judged)} <= {("crash@service:payments", "cured")}
    book.run(12, *book.ended(full, victim, other))
    assert book.verdicts == ["cured", "cured"]
    assert not [one for one in book.state.plans.values() if one.state is PlanState.VERIFYING]


def test_two_faults_that_look_alike_are_repaired_one_after_the_other(playbook: Any, remedy: Any, seen: Any) -> None:
    """Where only symptoms show there is one incident, and both of its causes are acted upon."""
    one = [seen("payments", Aspect.ERRORS), seen("orders", Aspect.ERRORS, peer="payments")]
    two = [seen("inventory", Aspect.ERRORS), seen("orders", Aspect.ERRORS, peer="inventory")]
    victim = seen("orders", Aspect.ERRORS, severity="critical")
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.run(8, *one, *two, victim)
    (first,) = book.all(Decided)
    mine, other = (one, two) if first.plan.cause.endswith("payments") else (two, one)
    book.run(12, *book.ended(*mine))
    assert book.verdicts == ["cured"]
    book.run(8, *book.ended(*other, victim))
    assert {decided.plan.cause for decided in book.all(Decided)} == {
        "failing_dependency@service:payments",
        "failing_dependency@service:inventory",
    }
    assert book.verdicts == ["cured", "cured"]


def test_a_plan_of_which_nothing_is_heard_is_not_waited_for(playbook: Any, remedy: Any, leak: Any) -> None:
    """An executor that died does not hold an incident for ever, and nothing is begun twice."""
    book = playbook(helps=three(remedy))
    book.run(320, leak)
    assert [one.plan.remedy.action for one in book.all(Decided)] == ["shop.a", "shop.b"]


def test_the_word_of_the_responsible_counts_more_than_what_is_unusual(playbook: Any, remedy: Any, seen: Any) -> None:
    """A disk that is below its limit again is well, although it was emptier all its life."""
    unusual = seen("database", Aspect.DISK, severity="critical")
    full = replace(unusual, key="quota", source=FindingSource.HEALTH)
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.run(6, unusual, full)
    book.run(6, *book.ended(full))
    assert book.verdicts == ["cured"]


def test_what_ended_the_suffering_is_not_taken_back_because_its_reason_is_still_there(
    playbook: Any, remedy: Any, seen: Any
) -> None:
    """A cache that keeps nothing hurts nobody once its readers share their reads; the incident stays open."""
    cold = seen("cache", Aspect.CACHE, LOW)
    slow = seen("inventory", Aspect.LATENCY, second=1)
    gentle = {"risk": Risk.REVERSIBLE, "reversible": True}
    book = playbook(helps=lambda cause: [remedy(cause, **gentle)], effect=lambda _decided: "verifying")
    book.play(cold)
    book.run(14, slow)
    book.run(40, *book.ended(slow))
    judged = book.all(Judged)[0]
    assert (judged.verdict.kind, judged.undo) == ("cured", False)
    assert judged.verdict.reason.startswith("nobody suffers any more, though it is still there: cache: ")
    assert book.incident().state == "open"


def test_what_helped_nobody_is_taken_back_when_its_reason_is_still_there(playbook: Any, remedy: Any, seen: Any) -> None:
    """Where nobody suffered to begin with, or somebody still does, an act in vain is one."""
    cold = seen("cache", Aspect.CACHE, LOW)
    slow = seen("inventory", Aspect.LATENCY, second=1)
    gentle = {"risk": Risk.REVERSIBLE, "reversible": True}
    for suffering in ((), (slow,)):
        book = playbook(helps=lambda cause: [remedy(cause, **gentle)], effect=lambda _decided: "verifying")
        book.play(cold)
        book.run(54, *suffering)
        judged = book.all(Judged)[0]
        assert (judged.verdict.kind, judged.undo) == ("unchanged", True)


def test_what_had_ended_before_a_cure_accuses_nobody_after_it(playbook: Any, remedy: Any, seen: Any) -> None:
    """A complaint that went with the first fault makes no suspect of its target while the second is looked into."""
    one = [seen("payments", Aspect.ERRORS), seen("orders", Aspect.ERRORS, peer="payments")]
    two = [seen("inventory", Aspect.ERRORS), seen("orders", Aspect.ERRORS, peer="inventory")]
    echo = [seen("orders", aspect, peer="database", severity="critical") for aspect in (Aspect.ERRORS, Aspect.LATENCY)]
    victim = seen("orders", Aspect.ERRORS, severity="critical")
    book = playbook(helps=lambda cause: [remedy(cause)], effect=lambda _decided: "verifying")
    book.run(8, *one, *two, *echo, victim)
    (first,) = book.all(Decided)
    mine = one if first.plan.cause.endswith("payments") else two
    book.run(8, *book.ended(*mine, *echo))
    assert book.verdicts == ["cured"]
    assert "database" not in {suspect.entity.id for suspect in book.incident().hypotheses}


def test_what_comes_back_soon_after_the_act_was_not_cured_by_it(playbook: Any, remedy: Any, seen: Any) -> None:
    """A larger pool that runs dry as well is found out at once, and the next best is done for the same cause."""
    dry = seen("inventory", Aspect.POOL)
    failing = seen("inventory", Aspect.ERRORS, peer="database", severity="critical")
    offered = [{"action": "shop.widen", "risk": Risk.REVERSIBLE, "reversible": True, "gain": 0.8}, {"gain": 0.7}]
    book = playbook(
        helps=lambda cause: [remedy(cause, **more) for more in offered], effect=lambda _decided: "verifying"
    )
    book.run(8, dry, failing)
    book.run(4, *book.ended(dry))
    again = seen("inventory", Aspect.POOL, second=book.second)
    book.run(2, again)
    (judged,) = book.all(Judged)
    assert (judged.verdict.kind, judged.undo) == ("unchanged", True)
    assert judged.verdict.reason.startswith("it ended and came back: inventory: ")
    book.play(progress=(Progress(plan=judged.plan.id, state="undone", time_ms=0),))
    book.run(12)
    assert [one.plan.remedy.action for one in book.all(Decided)] == ["shop.widen", "shop.repair"]
    assert {one.plan.cause for one in book.all(Decided)} == {"pool_exhaustion@service:inventory"}


def test_a_gentler_remedy_that_covers_the_sign_and_cures_nothing_does_not_hide_the_next(
    playbook: Any, remedy: Any, seen: Any
) -> None:
    """A larger pool is not full, and what leaks fails on: once it is taken back, the pool is what is restarted for.

    Meanwhile the calls that fail look like those of a lossy network, about which nothing can be done.
    """
    gentle = {"action": "shop.enlarge", "risk": Risk.REVERSIBLE, "reversible": True, "gain": 0.8}
    pool = CauseKind.POOL_EXHAUSTION
    book = playbook(
        helps=lambda one: [remedy(one, **gentle), remedy(one, action="shop.restart")] if one.cause is pool else [],
        effect=lambda _decided: "verifying",
    )
    full = seen("inventory", Aspect.POOL)
    failing = [
        seen("inventory", Aspect.ERRORS, severity="critical", second=1),
        seen("inventory", Aspect.ERRORS, peer="database", severity="critical", second=3),
        seen("inventory", Aspect.LATENCY, peer="database", second=3),
    ]
    book.run(3, full, *failing[:1])
    book.run(8, *failing[1:])
    assert [one.plan.remedy.action for one in book.all(Decided)] == ["shop.enlarge"]
    book.run(35, *book.ended(full))
    (judged,) = book.all(Judged)
    assert (judged.verdict.kind, judged.undo) == ("unchanged", True)
    assert book.top == "pool_exhaustion@service:inventory"
    book.play(progress=(Progress(plan=judged.plan.id, state="undone", time_ms=0),))
    book.run(12)
    assert [one.plan.remedy.action for one in book.all(Decided)] == ["shop.enlarge", "shop.restart"]


def test_what_an_act_had_covered_is_not_believed_for_ever(playbook: Any, remedy: Any, seen: Any) -> None:
    """It was taken back half a minute ago and the sign did not return: then it was not the reason."""
    gentle = {"action": "shop.enlarge", "risk": Risk.REVERSIBLE, "reversible": True}
    book = playbook(
        helps=lambda one: [remedy(one, **gentle)] if one.cause is CauseKind.POOL_EXHAUSTION else [],
        effect=lambda _decided: "verifying",
    )
    full, slow = seen("inventory", Aspect.POOL), seen("inventory", Aspect.LATENCY)
    book.run(10, full, slow)
    book.run(35, *book.ended(full))
    (judged,) = book.all(Judged)
    book.play(progress=(Progress(plan=judged.plan.id, state="undone", time_ms=0),))
    book.run(40)
    book.run(3, seen("inventory", Aspect.ERRORS, second=90))
    assert "pool_exhaustion@service:inventory" not in [one.key for one in book.incident().hypotheses]
