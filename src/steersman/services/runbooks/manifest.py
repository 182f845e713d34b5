"""Everything that runbooks declares."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="runbooks",
    help="Runs the commands and webhooks that the owner declared as remedies.",
    prefixes=("/api/runbooks",),
)
