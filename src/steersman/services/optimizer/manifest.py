"""Everything that optimizer declares."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="optimizer",
    help="Turns declared knobs with guarded experiments: change, measure, keep or revert.",
    prefixes=("/api/ops/recommendations", "/api/ops/experiments"),
)
