"""The loop's REST interface, its stream, the intake of alerts and its page of the console."""

from __future__ import annotations

from steersman.contract.service import Page
from steersman.services.operations.web import alerts, incidents

ROUTES = (*alerts.ROUTES, *incidents.ROUTES)
RAW_ROUTES = (*alerts.RAW_ROUTES, *incidents.RAW_ROUTES)
PERMISSIONS = {
    "operations.incidents.read": "See incidents, findings, plans, lessons and how the loop is doing.",
    "operations.incidents.write": "Acknowledge and resolve incidents, and say whether a diagnosis was right.",
    "operations.alerts.read": "List the alerts that were sent in.",
    "operations.alerts.write": "Send alerts in.",
}
PAGES: tuple[Page, ...] = ()
