"""Everything that compliance declares."""

from __future__ import annotations

from steersman.contract.service import Service
from steersman.runtime.house import House
from steersman.runtime.identity.identity import Identity
from steersman.runtime.settings import LoadedSettings
from steersman.services.compliance.commands import COMMANDS
from steersman.services.compliance.web import PAGES, PERMISSIONS, ROUTES

SERVICE = Service(
    name="compliance",
    help="Tells which requirements of ASVS, SOC 2 and the GDPR are met, and what shows it.",
    prefixes=("/api/compliance", "/compliance"),
    requires=(House, Identity, LoadedSettings),
    permissions=PERMISSIONS,
    routes=ROUTES,
    pages=PAGES,
    commands=COMMANDS,
)
