"""The platform's examples for the conformance kit."""

from __future__ import annotations

import logging
from pathlib import Path

from steersman.contract.ports import Context, JournalEntry
from steersman.contract.testing import ActionCase, Cases, Harness

LOGGER = "steersman.example"
# Loggers outlive a platform; each check loads these cases afresh and finds the logger untouched.
logging.getLogger(LOGGER).setLevel(logging.NOTSET)


def _level(_context: Context) -> int:
    return logging.getLogger(LOGGER).level


def _orphaned_outcome(_harness: Harness, context: Context) -> None:
    """Write an outcome that names no intent."""
    ports = context.ports
    entry = JournalEntry(
        ports.ids.new(), ports.clock.wall_ns(), context.caller.tenant, "nobody", "action.applied", "x.y"
    )
    with ports.database.transaction() as transaction:
        ports.journal.append(transaction, [entry])


def _readable_token(_harness: Harness, context: Context) -> None:
    kept: Path = context.ports.data_dir / "secrets" / "bootstrap-token"
    kept.write_text("a-token\n")
    kept.chmod(0o644)


CASES = Cases(
    actions={"set_log_level": ActionCase(args={"level": "error", "logger": LOGGER}, observe=_level)},
    breaks={"journal_order": _orphaned_outcome, "token_private": _readable_token},
)
