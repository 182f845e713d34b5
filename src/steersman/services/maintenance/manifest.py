"""Everything that maintenance declares."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="maintenance",
    help="Tells which components are likely to fail soon, from trends, logs and SMART data.",
    prefixes=("/api/ops/maintenance",),
)
