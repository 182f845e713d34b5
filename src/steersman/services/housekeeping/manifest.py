"""Everything that housekeeping declares."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="housekeeping",
    help="Keeps declared folders within their bounds: rotates, compresses, quarantines and deletes by policy.",
    prefixes=("/api/housekeeping",),
)
