"""What is begun never exceeds what the policy allows, in whatever order plans come."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.ids import Id
from steersman.model.plans import Autonomy, Plan, PlanState, Policy, Remedy, Risk
from steersman.services.operations.logic.guards import HOUR_MS, WATCHED_MS, Deed, refusal


def plan(number: int, target: str) -> Plan:
    remedy = Remedy(
        action="any.thing",
        args={},
        target=Entity(EntityKind.SERVICE, target),
        cause=CauseKind.HANG,
        risk=Risk.REVERSIBLE,
        summary="",
    )
    return Plan(
        id=Id(str(number)),
        incident=Id("i"),
        remedy=remedy,
        cause="",
        confidence=1,
        autonomy=Autonomy.ACT,
        decided_ms=0,
        reason="",
    )


#: Plans as they come: on what, how long after the one before, and how long each is in hand.
COMING = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, HOUR_MS // 3), st.integers(0, WATCHED_MS // 2)), max_size=40
)
POLICIES = st.builds(
    Policy, blast_radius=st.integers(0, 3), per_hour=st.integers(0, 6), cooldown_seconds=st.integers(0, 4000)
)


@given(COMING, POLICIES)
def test_no_order_of_plans_gets_past_a_limit(coming: list[tuple[str, int, int]], policy: Policy) -> None:
    """Targets at once, actions an hour, rest of a target: counted afterwards from what was begun."""
    now, begun = 0, list[tuple[Deed, int]]()
    for number, (target, pause, lasts) in enumerate(coming):
        now += pause
        deeds = [replace(deed, state=PlanState.CURED) if ends <= now else deed for deed, ends in begun]
        if refusal(plan(number, target), policy, deeds, now) is None:
            begun.append((Deed(Id(str(number)), f"service:{target}", now, PlanState.VERIFYING), now + lasts))
    times = [deed.begun_ms for deed, _ in begun]
    for deed, _ in begun:
        at = deed.begun_ms
        assert sum(at - HOUR_MS < time <= at for time in times) <= policy.per_hour
        at_once = [one.target for one, ends in begun if one.begun_ms <= at and (ends > at or one is deed)]
        assert len(at_once) == len(set(at_once)) <= policy.blast_radius
        rests = [at - one.begun_ms for one, _ in begun if one.target == deed.target and one.plan != deed.plan]
        assert all(rest < 0 or rest >= policy.cooldown_seconds * 1000 for rest in rests)


def test_what_nobody_watches_any_more_blocks_nobody() -> None:
    """A plan may be left standing by an error elsewhere."""
    left = Deed(Id("0"), "service:a", 0, PlanState.VERIFYING)
    policy = Policy(blast_radius=1)
    assert refusal(plan(1, "b"), policy, [left], WATCHED_MS - 1) is not None
    assert refusal(plan(1, "b"), policy, [left], WATCHED_MS) is None


def test_a_plan_is_not_in_its_own_way() -> None:
    """After a kill its own beginning is counted already."""
    assert refusal(plan(1, "a"), Policy(per_hour=1), [Deed(Id("1"), "service:a", 0, PlanState.APPLYING)], 1) is None
