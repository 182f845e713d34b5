"""Everything that capacity declares."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="capacity",
    help="Forecasts when what is bounded runs out, and what would change that.",
    prefixes=("/api/ops/capacity", "/api/ops/forecasts"),
)
