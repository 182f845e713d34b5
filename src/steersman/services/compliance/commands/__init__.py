"""The commands of compliance. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

COMMANDS = (
    Command(
        name="compliance report",
        help="Print which requirements of ASVS, SOC 2 and the GDPR are met, and what shows it.",
        target="steersman.services.compliance.commands.report:report",
        permission="local",
    ),
)
