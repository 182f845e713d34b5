"""Everything that orchestrators declares."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="orchestrators",
    help="Acts upon systemd units, Docker containers and Kubernetes deployments.",
    prefixes=("/api/orchestrators",),
)
