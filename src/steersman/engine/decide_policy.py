"""What the owner allows: how much may be done without a person, and what holds an action back now.

It reads the risk of a remedy and never its name; names matter only where a rule of the owner has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from steersman.engine.loop_state import Act
from steersman.model.plans import Autonomy, Policy, Remedy, Risk, Rule

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is done. `code` stays the same while the reason does, so that it is said once."""

    code: str
    reason: str
    kind: Literal["wait", "escalate"] = "wait"
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a remedy would act upon, with the labels that matter to policy; its owner's count where it has none."""

    ref: str
    environment: str
    self_healing: bool


def autonomy(policy: Policy, remedy: Remedy, target: Target) -> Autonomy:
    """Return what may be done without a person; what two people have to want is at most asked for."""
    found = _by_policy(policy, remedy, target)
    return min(found, Autonomy.APPROVE) if remedy.two_people else found


def _by_policy(policy: Policy, remedy: Remedy, target: Target) -> Autonomy:
    """Return what the last rule that matches says, else the mark of the target's owner."""
    rule = next((rule for rule in reversed(policy.rules) if _matches(rule, remedy, target)), None)
    if rule is not None:
        return rule.autonomy if remedy.risk <= rule.max_risk else min(rule.autonomy, Autonomy.APPROVE)
    if policy.self_healing and target.self_healing and remedy.risk <= Risk.DISRUPTIVE:
        return Autonomy.ACT
    return policy.default if remedy.risk <= Risk.DISRUPTIVE else min(policy.default, Autonomy.APPROVE)


def _matches(rule: Rule, remedy: Remedy, target: Target) -> bool:
    return (
        fnmatchcase(remedy.action, rule.actions)
        and fnmatchcase(target.ref, rule.entities)
        and fnmatchcase(target.environment, rule.environments)
        and fnmatchcase(remedy.cause.value, rule.causes)
    )


def stopped(policy: Policy) -> Refusal | None:
    """Say whether everything is held back."""
    if policy.killed:
        return Refusal("killed", "the kill switch is on")
    if policy.frozen:
        return Refusal("frozen", "the policy is frozen: nothing is changed until it is lifted")
    return None


def held_back(policy: Policy, target: Target, now_ms: int, acts: Sequence[Act], busy: Iterable[str]) -> Refusal | None:
    """Say why a target may not be acted upon now. `busy` are the targets of actions that are under way."""
    return (
        _maintenance(policy, target, now_ms)
        or _underway(policy, target, busy)
        or _cooldown(policy, target, now_ms, acts)
        or _budget(policy, now_ms, acts)
    )


def _maintenance(policy: Policy, target: Target, now_ms: int) -> Refusal | None:
    for window in policy.maintenance:
        if window.start_ms <= now_ms < window.end_ms and fnmatchcase(target.ref, window.entities):
            why = f" ({window.reason})" if window.reason else ""
            return Refusal(
                f"maintenance:{target.ref}", f"{target.ref} is under maintenance{why}", "wait", window.end_ms
            )
    return None


def _underway(policy: Policy, target: Target, busy: Iterable[str]) -> Refusal | None:
    others = dict.fromkeys(busy)
    if target.ref in others:
        return Refusal(f"busy:{target.ref}", f"an action on {target.ref} is under way")
    if len(others) >= policy.blast_radius:
        names = ", ".join(others)
        return Refusal("blast", f"{names} are being acted upon, and the blast radius is {policy.blast_radius}")
    return None


def _cooldown(policy: Policy, target: Target, now_ms: int, acts: Sequence[Act]) -> Refusal | None:
    last = max((act.time_ms for act in acts if act.target == target.ref), default=None)
    if last is None:
        return None
    until = last + round(policy.cooldown_seconds * 1000)
    if now_ms >= until:
        return None
    return Refusal(
        f"cooldown:{target.ref}", f"{target.ref} was acted upon {(now_ms - last) / 1000:.0f} s ago", "wait", until
    )


def _budget(policy: Policy, now_ms: int, acts: Sequence[Act]) -> Refusal | None:
    lately = [act.time_ms for act in acts if act.time_ms > now_ms - HOUR_MS]
    if len(lately) < policy.per_hour:
        return None
    until = min(lately, default=now_ms) + HOUR_MS
    return Refusal("budget", f"the budget of {policy.per_hour} actions per hour is used up", "wait", until)
