"""The vocabulary's frozen values as JSON and back. Numbers that JSON has no word for become null."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import orjson
from pydantic import TypeAdapter

from steersman.model.changes import Change
from steersman.model.findings import Finding
from steersman.model.incidents import Incident
from steersman.model.plans import Plan, Policy, Verdict
from steersman.services.operations.logic.alerts import Alert

#: Farther from what is usual than this is simply far.
_FARTHEST = 1e9

_FINDING = TypeAdapter(Finding)
_INCIDENT = TypeAdapter(Incident)
_PLAN = TypeAdapter(Plan)
_VERDICT = TypeAdapter(Verdict)
_CHANGE = TypeAdapter(Change)
_POLICY = TypeAdapter(Policy)
_ALERT = TypeAdapter(Alert)


def plain(value: object) -> Any:
    """Return a value of the vocabulary as JSON data; sets are sorted, so that equal values are equal text."""
    if isinstance(value, Finding) and not math.isfinite(value.score):
        value = replace(value, score=_FARTHEST)
    return orjson.loads(orjson.dumps(value, default=_sorted, option=orjson.OPT_NON_STR_KEYS))


def _sorted(value: object) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no value of the vocabulary")


def finding_of(body: Any) -> Finding:
    """Return the finding that was written."""
    return _FINDING.validate_python(body)


def incident_of(body: Any) -> Incident:
    """Return the incident that was written."""
    return _INCIDENT.validate_python(body)


def plan_of(body: Any) -> Plan:
    """Return the plan that was written."""
    return _PLAN.validate_python(body)


def verdict_of(body: Any) -> Verdict:
    """Return the verdict that was written."""
    return _VERDICT.validate_python(body)


def change_of(body: Any) -> Change:
    """Return the change that was written."""
    return _CHANGE.validate_python(body)


def policy_of(body: Any) -> Policy:
    """Return the policy that was written."""
    return _POLICY.validate_python(body)


def alert_of(body: Any) -> Alert:
    """Return the alert that was written."""
    return _ALERT.validate_python(body)
