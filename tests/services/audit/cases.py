"""The examples of audit for the conformance kit: evidence that no longer agrees, and a key that others can read."""

from __future__ import annotations

from steersman.contract.objects import OWNER, Ask
from steersman.contract.ports import Context, JournalEntry
from steersman.contract.testing import Cases, Harness, ObjectCase
from steersman.model.ids import Tenant
from steersman.services.audit.store.keys import KEY_FILE


def _prepare(context: Context) -> None:
    """Have something signed, so that the newest checkpoint agrees with something."""
    ports = context.ports
    entry = JournalEntry(
        ports.ids.new(), ports.clock.wall_ns(), context.caller.tenant, "somebody", "thing.happened", "it"
    )
    with ports.database.transaction() as transaction:
        ports.journal.append(transaction, [entry])
    context.state.log.finish()


def _rewrite_history(_harness: Harness, context: Context) -> None:
    """Do what the owner of the database file can: take the trigger away and change an entry."""
    with context.ports.database.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER journal_no_update")
        connection.exec_driver_sql("UPDATE journal SET actor = 'nobody'")


def _share_the_key(_harness: Harness, context: Context) -> None:
    (context.ports.data_dir / KEY_FILE).chmod(0o644)


def _lose_the_witness(_harness: Harness, context: Context) -> None:
    context.state.log.witness.failure = "the witness takes no checkpoints: No space left on device"


def _entry(_ask: Ask, context: Context) -> str:
    """Let something happen in a tenant, to something with a name of its own."""
    ports, subject = context.ports, f"thing-{context.ports.ids.new()}"
    entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), Tenant(OWNER), "somebody", "thing.happened", subject)
    ports.journal.record([entry])
    context.state.log.finish()
    return subject


_ENTRIES = "/api/audit/entries?limit=1000"
CASES = Cases(
    objects={"entry": ObjectCase(make=_entry, shown=(_ENTRIES,), named=(("GET", _ENTRIES, None),))},
    prepare=_prepare,
    breaks={"evidence": _rewrite_history, "audit_key_private": _share_the_key, "audit_witness": _lose_the_witness},
)
