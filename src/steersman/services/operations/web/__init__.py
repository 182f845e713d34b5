"""The loop's REST interface, its stream, the intake of alerts and its page of the console."""

from __future__ import annotations

from steersman.services.operations.web import (
    alerts,
    approvals,
    changes,
    incidents,
    page,
    plans,
    policies,
    status,
    stream,
)

ROUTES = (
    *alerts.ROUTES,
    *approvals.ROUTES,
    *changes.ROUTES,
    *incidents.ROUTES,
    *plans.ROUTES,
    *policies.ROUTES,
    *status.ROUTES,
)
RAW_ROUTES = (
    *alerts.RAW_ROUTES,
    *changes.RAW_ROUTES,
    *incidents.RAW_ROUTES,
    *status.RAW_ROUTES,
    *stream.RAW_ROUTES,
)
PERMISSIONS = {
    "operations.status.read": "See how the loop is doing, health, findings, levels, diagnoses and topology.",
    "operations.incidents.read": "See incidents with their timelines, and the stream of what happens.",
    "operations.incidents.write": "Acknowledge and resolve incidents, and say whether a diagnosis was right.",
    "operations.plans.read": "See plans, actions and lessons.",
    "operations.plans.approve": "Approve, reject and undo plans.",
    "operations.approvals.read": "See and answer what waits for a second person, where one may do the thing oneself.",
    "operations.policies.read": "See what may be done without a person.",
    "operations.policies.write": "Change what may be done without a person, and stop, freeze and resume.",
    "operations.changes.read": "See what was altered on purpose.",
    "operations.changes.write": "Tell of deploys and edits.",
    "operations.alerts.read": "List the alerts that were sent in.",
    "operations.alerts.write": "Send alerts in.",
}
#: Whatever their tenant: what they see and answer is looked up in the caller's, and asks for its own permission.
TENANTED = frozenset({approvals.READ})
PAGES = page.PAGES
