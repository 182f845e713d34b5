"""Everything that workloads declares."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="workloads",
    help="Runs and supervises the services of this machine that the settings name, and can act upon them.",
    prefixes=("/api/workloads",),
)
