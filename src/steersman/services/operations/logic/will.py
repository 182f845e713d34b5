"""The owner's will between its wire form and the value that the loop reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steersman.model.errors import InvalidInput
from steersman.model.plans import Autonomy, Policy, Risk, Rule, Window
from steersman.services.operations.model.people import PolicyBody, PolicyVersion, PolicyView, RuleBody, WindowBody
from steersman.services.operations.model.wire import AutonomyName, RiskName

_AUTONOMY: dict[Autonomy, AutonomyName] = {
    Autonomy.OBSERVE: "observe",
    Autonomy.SUGGEST: "suggest",
    Autonomy.APPROVE: "approve",
    Autonomy.ACT: "act",
}
_RISK: dict[Risk, RiskName] = {
    Risk.READ: "read",
    Risk.REVERSIBLE: "reversible",
    Risk.DISRUPTIVE: "disruptive",
    Risk.DESTRUCTIVE: "destructive",
}


def autonomy_name(autonomy: Autonomy) -> AutonomyName:
    """Name it as the wire does."""
    return _AUTONOMY[autonomy]


def risk_name(risk: Risk) -> RiskName:
    """Name it as the wire does."""
    return _RISK[risk]


def policy_from(body: PolicyBody, before: Policy) -> Policy:
    """Return the policy that somebody wishes; switches stay as they are. Raises `InvalidInput`."""
    for number, window in enumerate(body.maintenance):
        if window.end_ms <= window.start_ms:
            raise InvalidInput(f"maintenance.{number}.end_ms: a window ends after its start")
    return Policy(
        default=Autonomy[body.autonomy.upper()],
        rules=tuple(_rule(rule) for rule in body.rules),
        self_healing=body.self_healing,
        confidence=body.confidence,
        blast_radius=body.blast_radius,
        per_hour=body.per_hour,
        cooldown_seconds=body.cooldown_seconds,
        maintenance=tuple(Window(one.start_ms, one.end_ms, one.entities, one.reason) for one in body.maintenance),
        limits=dict(body.limits),
        frozen=before.frozen,
        killed=before.killed,
    )


def _rule(rule: RuleBody) -> Rule:
    return Rule(
        autonomy=Autonomy[rule.autonomy.upper()],
        actions=rule.actions,
        entities=rule.entities,
        environments=rule.environments,
        causes=rule.causes,
        max_risk=Risk[rule.max_risk.upper()],
    )


def switched(policy: Policy, *, killed: bool | None = None, frozen: bool | None = None) -> Policy:
    """Return the policy with a switch set."""
    return replace(
        policy,
        killed=policy.killed if killed is None else killed,
        frozen=policy.frozen if frozen is None else frozen,
    )


def policy_view(policy: Policy, history: Sequence[PolicyVersion]) -> PolicyView:
    """Show what is in force; the newest version comes first in its history."""
    rules = [
        RuleBody(
            autonomy=_AUTONOMY[rule.autonomy],
            actions=rule.actions,
            entities=rule.entities,
            environments=rule.environments,
            causes=rule.causes,
            max_risk=_RISK[rule.max_risk],
        )
        for rule in policy.rules
    ]
    windows = [
        WindowBody(start_ms=one.start_ms, end_ms=one.end_ms, entities=one.entities, reason=one.reason)
        for one in policy.maintenance
    ]
    return PolicyView(
        version=history[0].version if history else 0,
        autonomy=_AUTONOMY[policy.default],
        self_healing=policy.self_healing,
        rules=rules,
        confidence=policy.confidence,
        blast_radius=policy.blast_radius,
        per_hour=policy.per_hour,
        cooldown_seconds=policy.cooldown_seconds,
        maintenance=windows,
        limits=dict(policy.limits),
        frozen=policy.frozen,
        killed=policy.killed,
        history=list(history),
    )
