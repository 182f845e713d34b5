"""What has to be so at the moment of acting, however good the plan is. Pure: what was done lately is an argument.

The engine asks the policy when it decides, with what it knows. This asks the same again when the action begins, with
what is recorded: in between somebody may have pulled the switch, and two plans may have been decided at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steersman.engine.decide_policy import Target, held_back, stopped
from steersman.engine.loop_state import Act
from steersman.model.ids import Id
from steersman.model.plans import Plan, PlanState, Policy

HOUR_MS = 3_600_000
#: The permission of whoever says yes or no to a plan.
APPROVE = "operations.plans.approve"
#: States in which a plan waits for a person's word.
ASKED = frozenset({PlanState.AWAITING_APPROVAL, PlanState.SUGGESTED})
#: States in which a target is being acted upon: its effect is on the way, or is being watched.
IN_HAND = frozenset({PlanState.APPLYING, PlanState.VERIFYING})
#: Nobody watches an effect for longer than this; a plan that is left standing must not block others for ever.
WATCHED_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Deed:
    """A plan that was begun: on what, when, and where it stands now."""

    plan: Id
    target: str
    begun_ms: int
    state: PlanState

    def is_in_hand(self, now_ms: int) -> bool:
        return self.state in IN_HAND and now_ms - self.begun_ms < WATCHED_MS


def refusal(plan: Plan, policy: Policy, deeds: Sequence[Deed], now_ms: int) -> str | None:
    """Say why a plan may not begin now, or None. `deeds` are those of the last hour and those in hand."""
    others = [deed for deed in deeds if deed.plan != plan.id]
    acts = [Act(deed.begun_ms, deed.target, deed.plan) for deed in others]
    busy = [deed.target for deed in others if deed.is_in_hand(now_ms)]
    target = Target(plan.remedy.target.ref, environment="", self_healing=False)
    refused = stopped(policy) or held_back(policy, target, now_ms, acts, busy)
    return None if refused is None else refused.reason
