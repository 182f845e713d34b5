"""What has to be so at the moment of acting, however good the plan is. Pure: what was done lately is an argument.

The engine asks the policy when it decides; this asks again when the action begins, because in between somebody may have
pulled the switch, and two plans may have been decided at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from steersman.model.ids import Id
from steersman.model.plans import Plan, PlanState, Policy

HOUR_MS = 3_600_000
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
    return _held(policy, plan.remedy.target.ref, now_ms) or _crowded(plan.remedy.target.ref, policy, others, now_ms)


def _held(policy: Policy, target: str, now_ms: int) -> str | None:
    if policy.killed:
        return "the kill switch is on"
    if policy.frozen:
        return "changes are frozen"
    for window in policy.maintenance:
        if window.start_ms <= now_ms < window.end_ms and fnmatchcase(target, window.entities):
            return f"{target} is in maintenance" + (f": {window.reason}" if window.reason else "")
    return None


def _crowded(target: str, policy: Policy, others: Sequence[Deed], now_ms: int) -> str | None:
    lately = sum(deed.begun_ms > now_ms - HOUR_MS for deed in others)
    if lately >= policy.per_hour:
        return f"{lately} actions were begun in the last hour, and {policy.per_hour} are allowed"
    in_hand = {deed.target for deed in others if deed.is_in_hand(now_ms)}
    if target in in_hand:
        return f"{target} is being acted upon already"
    if len(in_hand) >= policy.blast_radius:
        return f"{len(in_hand)} targets are being acted upon, and {policy.blast_radius} are allowed at the same time"
    last = max((deed.begun_ms for deed in others if deed.target == target), default=None)
    if last is not None and now_ms - last < policy.cooldown_seconds * 1000:
        return f"{target} was acted upon {(now_ms - last) / 1000:g} s ago, and rests for {policy.cooldown_seconds:g} s"
    return None
