"""The platform's commands. Only names and help texts: `steersman --help` imports this and nothing behind it."""

from __future__ import annotations

from steersman.contract.service import Command

COMMANDS = (
    Command(
        name="status",
        help="Ask a running platform how it is doing.",
        target="steersman.runtime.http.remote:status",
        permission="local",
    ),
)
