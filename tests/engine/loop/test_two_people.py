"""What two people have to want is never the loop's to do alone, whatever the policy says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.decide_policy import Target, autonomy
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.plans import Autonomy, Policy, Remedy, Risk, Rule

RULES = st.builds(Rule, autonomy=st.sampled_from(Autonomy), max_risk=st.sampled_from(Risk))
POLICIES = st.builds(
    Policy, default=st.sampled_from(Autonomy), rules=st.lists(RULES, max_size=3).map(tuple), self_healing=st.booleans()
)


@given(POLICIES, st.sampled_from(Risk), st.booleans())
def test_no_policy_lets_it_happen_without_asking_and_none_asks_for_more(
    policy: Policy, risk: Risk, self_healing: bool
) -> None:
    """Where the policy would act, it asks; where it would do less than ask, it does that."""
    target = Target("service:orders", "production", self_healing=self_healing)
    entity = Entity(EntityKind.SERVICE, "orders")
    one, two = (
        Remedy(action="a.b", args={}, target=entity, cause=CauseKind.CRASH, risk=risk, summary="", two_people=asked)
        for asked in (False, True)
    )
    assert autonomy(policy, two, target) is min(autonomy(policy, one, target), Autonomy.APPROVE)
