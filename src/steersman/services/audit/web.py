"""Checkpoints, entries and proofs over HTTP, for auditors that keep what they were told and compare it later."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query

from steersman.contract.ports import Context, JournalEntry, Subjects
from steersman.contract.service import Route
from steersman.engine.audit.checkpoint import parse_note
from steersman.engine.audit.entry import COLUMNS
from steersman.engine.audit.proofs import consistency_path, inclusion_path
from steersman.model.errors import InvalidInput, NotFound
from steersman.model.ids import Id, Tenant
from steersman.services.audit.model import wire
from steersman.services.audit.store import tables
from steersman.services.audit.store.watching import Patrol

if TYPE_CHECKING:
    from sqlalchemy import Connection

READ = "audit.evidence.read"
PERSONAL = "audit.personal.read"
SIGN = "audit.checkpoints.sign"
_Number = Annotated[int, Query(ge=0, lt=2**63)]
_Limit = Annotated[int, Query(ge=1, le=1000)]


def noted(context: Context, what: str, **asked: int) -> None:
    """Journal that somebody reads evidence, before they get it: who looks at whom is a fact as well."""
    ports, caller = context.ports, context.caller
    actor, told = caller.account or caller.subject, {"what": what, **asked}
    entry = JournalEntry(ports.ids.new(), ports.clock.wall_ns(), caller.tenant, actor, READ, "journal", told)
    ports.journal.record([entry])


def key(context: Context) -> wire.PublicKey:
    """Return the public key."""
    patrol: Patrol = context.state
    with context.ports.database.reading() as connection:
        handed = tables.successions(connection)
    public = patrol.log.key.public
    return wire.PublicKey(origin=public.name, key=public.text(), successions=handed)


def sign(context: Context) -> wire.SignedCheckpoint:
    """Take in everything that was written until now, sign it, and return the checkpoint."""
    patrol: Patrol = context.state
    patrol.log.finish()
    with context.ports.database.reading() as connection:
        return _newest(connection)


def checkpoints(context: Context, limit: _Limit = 100) -> wire.Checkpoints:
    """Return the newest checkpoints."""
    with context.ports.database.reading() as connection:
        return wire.Checkpoints(checkpoints=[_shown(note) for note in tables.newest_notes(connection, limit)])


def entries(context: Context, after: _Number = 0, limit: _Limit = 100) -> wire.AuditEntries:
    """Return entries of the caller's tenant as their leaves are made of them."""
    noted(context, "entries", after=after, limit=limit)
    with context.ports.database.reading() as connection:
        rows = tables.rows_after(connection, after, limit, context.caller.tenant)
        kept = tables.leaves_of(connection, [row.seq for row in rows])
    found = []
    for row in rows:
        leaf = kept.get(row.seq)
        cells: dict[str, Any] = dict(zip(COLUMNS, row.cells or (), strict=False))
        place = {"index": leaf and leaf.position, "leaf_hash": leaf and _base64(leaf.hash)}
        found.append(wire.AuditEntry(**cells, **place))
    if context.caller.may(PERSONAL):
        found = _opened(context, found)
    return wire.AuditEntries(entries=found, next=rows[-1].seq if rows else after)


def _opened(context: Context, entries: list[wire.AuditEntry]) -> list[wire.AuditEntry]:
    """Add names and personal fields in the clear, for whoever may see them."""
    subjects: Subjects | None = context.ports.provided.get(Subjects)
    if subjects is None:
        return entries
    try:
        told = subjects.opened([_known(entry) for entry in entries])
    except InvalidInput:
        # One was changed or moved past the platform: verification says which, and reading goes on.
        return entries if len(entries) == 1 else [one for entry in entries for one in _opened(context, [entry])]
    return [
        entry.model_copy(update={"opened": wire.Opened(actor=one.actor, payload=dict(one.payload))})
        for entry, one in zip(entries, told, strict=True)
    ]


def _known(entry: wire.AuditEntry) -> JournalEntry:
    tenant, payload = Tenant(entry.tenant), json.loads(entry.payload)
    return JournalEntry(Id(entry.id), entry.time_ns, tenant, entry.actor, entry.type, entry.subject, payload)


def proof(context: Context, seq: _Number) -> wire.InclusionProof:
    """Return the proof that an entry of the caller's tenant stands under the newest checkpoint."""
    noted(context, "proof", seq=seq)
    with context.ports.database.reading() as connection:
        rows = tables.rows_after(connection, seq - 1, 1, context.caller.tenant)
        leaf = tables.leaf_of(connection, seq)
        if not rows or rows[0].seq != seq:
            raise NotFound(f"the journal has no entry {seq}")
        newest = _newest(connection)
        if leaf is None or leaf.position >= newest.size:
            raise NotFound(f"no checkpoint covers the entry {seq} yet; ask again after the next one")
        path = inclusion_path(leaf.position, newest.size, tables.nodes_of(connection))
    return wire.InclusionProof(
        seq=seq,
        index=leaf.position,
        leaf_hash=_base64(leaf.hash),
        path=[_base64(one) for one in path],
        checkpoint=newest,
    )


def consistency(context: Context, first: _Number) -> wire.ConsistencyProof:
    """Return the proof that the log of a checkpoint that somebody kept is the beginning of today's."""
    with context.ports.database.reading() as connection:
        newest = _newest(connection)
        if first > newest.size:
            raise InvalidInput(f"the newest checkpoint covers {newest.size} entries, fewer than {first}")
        path = consistency_path(first, newest.size, tables.nodes_of(connection))
    return wire.ConsistencyProof(first=first, path=[_base64(one) for one in path], checkpoint=newest)


def _newest(connection: Connection) -> wire.SignedCheckpoint:
    notes = tables.newest_notes(connection, 1)
    if not notes:
        raise NotFound("no checkpoint was signed yet; ask again in a while")
    return _shown(notes[0])


def _shown(text: str) -> wire.SignedCheckpoint:
    checkpoint = parse_note(text).checkpoint
    return wire.SignedCheckpoint(
        size=checkpoint.size, root=_base64(checkpoint.root), time_ns=checkpoint.time_ns, note=text
    )


def _base64(content: bytes) -> str:
    return b64encode(content).decode()


PERMISSIONS = {
    READ: "Read the evidence: checkpoints, entries with their hashes, and proofs.",
    PERSONAL: "See the names, addresses and mail addresses that entries hold sealed.",
    SIGN: "Have a checkpoint signed at once.",
}
ROUTES = (
    Route(
        method="GET",
        path="/api/audit/key",
        handler=key,
        permission=READ,
        summary="The public key that checkpoints are verified with.",
    ),
    Route(
        method="GET",
        path="/api/audit/checkpoints",
        handler=checkpoints,
        permission=READ,
        summary="Signed checkpoints of the journal, newest first.",
        errors=(400,),
    ),
    Route(
        method="POST",
        path="/api/audit/checkpoints",
        handler=sign,
        permission=SIGN,
        summary="Sign all that was written until now.",
        errors=(404,),
    ),
    Route(
        method="GET",
        path="/api/audit/entries",
        handler=entries,
        permission=READ,
        summary="Entries of the journal as their leaves are made of them, in order.",
        errors=(400,),
    ),
    Route(
        method="GET",
        path="/api/audit/proof",
        handler=proof,
        permission=READ,
        summary="Proof that an entry stands under the newest checkpoint.",
        errors=(400, 404),
    ),
    Route(
        method="GET",
        path="/api/audit/consistency",
        handler=consistency,
        permission=READ,
        summary="Proof that the log of an older checkpoint is the beginning of the newest one.",
        errors=(400, 404),
    ),
)
