"""The platform's examples for the conformance kit."""

from __future__ import annotations

import logging
from pathlib import Path

from steersman.contract.objects import OWNER, Ask
from steersman.contract.ports import Context, JournalEntry
from steersman.contract.testing import ActionCase, Cases, Harness, ObjectCase
from steersman.model.ids import Tenant

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


def _entry(_ask: Ask, context: Context) -> str:
    """Let something happen in a tenant, to something with a name of its own."""
    ports, subject = context.ports, f"thing-{context.ports.ids.new()}"
    entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), Tenant(OWNER), "somebody", "thing.happened", subject)
    ports.journal.record([entry])
    return subject


_JOURNAL = "/api/platform/journal?limit=1000"
CASES = Cases(
    objects={"journal entry": ObjectCase(make=_entry, shown=(_JOURNAL,), named=(("GET", _JOURNAL, None),))},
    actions={"set_log_level": ActionCase(args={"level": "error", "logger": LOGGER}, observe=_level)},
    breaks={"journal_order": _orphaned_outcome, "token_private": _readable_token},
)
