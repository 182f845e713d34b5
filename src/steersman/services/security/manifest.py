"""Everything that security declares about itself. It detects; what is done about it are actions of the loop."""

from __future__ import annotations

from steersman.contract.service import Service

SERVICE = Service(
    name="security",
    help="Recognises attacks in what callers send, and says why.",
    prefixes=("/api/security",),
)
