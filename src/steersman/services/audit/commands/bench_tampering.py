"""Tampers with a journal in every way that somebody with the whole database can, and counts what a verification finds.

Each trial happens in a transaction that is taken back, on a journal whose triggers are gone, as nothing keeps the
owner of the file from removing them. Rewrites also recompute every leaf and tile, and sign what was signed again, with
another key or with the stolen one: then only a checkpoint that was kept elsewhere can tell.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steersman.contract.ports import JournalEntry
from steersman.engine.audit.entry import COLUMNS
from steersman.engine.audit.tree import Frontier, grow
from steersman.model.ids import DEFAULT_TENANT
from steersman.runtime.clock import SystemClock
from steersman.runtime.database.engine import open_engine
from steersman.runtime.database.journal import SqlJournal
from steersman.runtime.database.migrate import HOUSE_LINEAGE, migrate
from steersman.runtime.database.sql import SqlDatabase
from steersman.runtime.ids import RandomIds
from steersman.services.audit.logic.verifying import hash_of
from steersman.services.audit.model.records import Leaf, Verdict
from steersman.services.audit.model.settings import AuditSettings
from steersman.services.audit.store import tables
from steersman.services.audit.store.chain import succession
from steersman.services.audit.store.copies import COPY_FILE, read_notes
from steersman.services.audit.store.keys import SigningKey, new_key
from steersman.services.audit.store.log import AuditLog
from steersman.services.audit.store.offline import examine
from steersman.services.audit.store.rotating import rotate

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ENTRIES = 700
_A_CHECKPOINT_EACH = 100
_ROTATED_AT = (200, 500)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A journal that was followed and signed, its key, and the checkpoints that somebody kept elsewhere."""

    database: SqlDatabase
    key: SigningKey
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """The verdict upon one tampering; `first` is the entry that should be named, where the leaves can tell."""

    verdict: Verdict
    first: int | None = None


Tamper = Callable[[Evidence, "Connection", random.Random], Trial]


class _Undone(Exception):
    """Takes a trial's transaction back."""


def measure(folder: Path, trials: int, seed: int) -> dict[str, Any]:
    """Tamper so often, all ways in turn; the journal as it was has to pass before and after."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    counts, named = dict.fromkeys(WAYS, (0, 0)), [0, 0]
    evidence = prepare(folder)
    try:
        sound = _is_sound(evidence)
        for number in range(trials):
            way = list(WAYS)[number % len(WAYS)]
            trial = tampered(evidence, WAYS[way], chance)
            found, total = counts[way]
            counts[way] = (found + (trial.verdict.problem is not None), total + 1)
            if trial.first is not None and trial.verdict.problem is not None:
                named[0] += trial.verdict.problem.seq == trial.first
                named[1] += 1
        sound = sound and _is_sound(evidence)
    finally:
        evidence.database.close()
    return {
        "entries": _ENTRIES,
        "untouched_passes": sound,
        **{way: f"{found}/{total}" for way, (found, total) in counts.items()},
        "first_entry_named": f"{named[0]}/{named[1]}",
        "found": sum(found for found, _ in counts.values()),
        "total": trials,
    }


def prepare(folder: Path) -> Evidence:
    """Write a journal, follow it, sign it, and take its triggers away."""
    folder.mkdir(parents=True)
    database, clock = SqlDatabase(open_engine(None, folder)), SystemClock()
    migrate(database, [HOUSE_LINEAGE])
    journal, ids = SqlJournal(database), RandomIds(clock)
    log = AuditLog.open(database, clock, AuditSettings(checkpoint_entries=_A_CHECKPOINT_EACH), folder)
    for begin in range(0, _ENTRIES, _A_CHECKPOINT_EACH):
        # The keys of the log are rotated twice meanwhile; each rotation is an entry of its own.
        rotations = int(begin in _ROTATED_AT)
        if rotations:
            rotate(database, journal, ids, clock, folder)
        with database.transaction() as transaction:
            numbers = range(begin + rotations, begin + _A_CHECKPOINT_EACH)
            journal.append(transaction, [_entry(ids, number) for number in numbers])
        log.finish()
    with database.transaction() as transaction:
        for verb in ("update", "delete"):
            transaction.exec_driver_sql(f"DROP TRIGGER journal_no_{verb}")
    return Evidence(database, log.key, tuple(read_notes(folder / COPY_FILE)))


def _entry(ids: RandomIds, number: int) -> JournalEntry:
    return JournalEntry(
        id=ids.new(),
        time_ns=1_767_225_600_000_000_000 + number,
        tenant=DEFAULT_TENANT,
        actor=f"user-{number % 7}",
        type="thing.happened",
        subject=f"thing-{number % 11}",
        payload={"number": number, "note": "as it was"},
    )


def _is_sound(evidence: Evidence) -> bool:
    with evidence.database.reading() as connection:
        return examine(connection, evidence.key.public, evidence.kept).problem is None


def tampered(evidence: Evidence, way: Tamper, chance: random.Random) -> Trial:
    """Return the verdict upon one tampering, and take it back."""
    trial: Trial | None = None
    with suppress(_Undone), evidence.database.transaction() as connection:
        trial = way(evidence, connection, chance)
        raise _Undone
    assert trial is not None  # noqa: S101 - narrows the type: what else was raised went on
    return trial


def edit(evidence: Evidence, connection: Connection, chance: random.Random) -> Trial:
    """Change one column of one entry."""
    seq = _edit(connection, chance)
    return Trial(examine(connection, evidence.key.public), seq)


def _edit(connection: Connection, chance: random.Random) -> int:
    seq, column = chance.randint(1, _ENTRIES), chance.choice(COLUMNS[1:])
    value = {
        "id": f"{chance.getrandbits(100):036d}",
        "time_ns": chance.getrandbits(62),
        "payload": f'{{"number": {seq}, "note": "as it is"}}',
    }.get(column, f"other-{chance.getrandbits(32)}")
    connection.exec_driver_sql(f"UPDATE journal SET {column} = ? WHERE seq = ?", (value, seq))  # noqa: S608 - our names
    return seq


def delete(evidence: Evidence, connection: Connection, chance: random.Random) -> Trial:
    """Take up to five entries out, half of the time with their leaves."""
    first = chance.randint(1, _ENTRIES - 5)
    span = (first, first + chance.randrange(5))
    connection.exec_driver_sql("DELETE FROM journal WHERE seq BETWEEN ? AND ?", span)
    if chance.random() < 0.5:
        connection.exec_driver_sql("DELETE FROM audit_leaves WHERE seq BETWEEN ? AND ?", span)
    return Trial(examine(connection, evidence.key.public), first)


def insert(evidence: Evidence, connection: Connection, chance: random.Random) -> Trial:
    """Put an entry where another was taken out, or before all others."""
    seq = chance.choice([0, -5, chance.randint(1, _ENTRIES)])
    connection.exec_driver_sql("DELETE FROM journal WHERE seq = ?", (seq,))
    connection.exec_driver_sql(
        "INSERT INTO journal (seq, id, time_ns, tenant, actor, type, subject, payload) "
        "VALUES (?, ?, 1, 'default', 'a', 'b', 'c', '{}')",
        (seq, f"{chance.getrandbits(100):036d}"),
    )
    return Trial(examine(connection, evidence.key.public), seq)


def reorder(evidence: Evidence, connection: Connection, chance: random.Random) -> Trial:
    """Let two entries change places."""
    one, other = sorted(chance.sample(range(1, _ENTRIES + 1), 2))
    for before, after in ((one, -1), (other, one), (-1, other)):
        connection.exec_driver_sql("UPDATE journal SET seq = ? WHERE seq = ?", (after, before))
    return Trial(examine(connection, evidence.key.public), one)


def truncate(evidence: Evidence, connection: Connection, chance: random.Random) -> Trial:
    """Cut the end off: the journal alone, or all tables, so that only a kept checkpoint can tell."""
    last = chance.randint(0, _ENTRIES - 1)
    connection.exec_driver_sql("DELETE FROM journal WHERE seq > ?", (last,))
    if chance.random() < 0.5:
        return Trial(examine(connection, evidence.key.public), last + 1)
    connection.exec_driver_sql("DELETE FROM audit_leaves WHERE seq > ?", (last,))
    connection.exec_driver_sql("DELETE FROM audit_tiles WHERE (number + 1) * 256 > ?", (last,))
    connection.exec_driver_sql("DELETE FROM audit_checkpoints WHERE size > ?", (last,))
    return Trial(examine(connection, evidence.key.public, evidence.kept), last + 1)


def rewrite(evidence: Evidence, connection: Connection, chance: random.Random) -> Trial:
    """Change an entry and make everything that was computed from it agree, checkpoints included or not."""
    _edit(connection, chance)
    signer = chance.choice([None, new_key(), evidence.key])
    sizes = [size for size, _ in tables.notes_after(connection, 0)]
    roots = _recompute(connection, sizes)
    if signer is None:
        return Trial(examine(connection, evidence.key.public))
    connection.exec_driver_sql("DELETE FROM audit_checkpoints")
    if signer is not evidence.key or chance.random() < 0.5:
        connection.exec_driver_sql("DELETE FROM audit_successions")
    for size, root in zip(sizes, roots, strict=True):
        tables.add_checkpoint(connection, size, signer.sign(size, root, size).text())
    return Trial(examine(connection, signer.public, evidence.kept))


def hand_on(evidence: Evidence, connection: Connection, chance: random.Random) -> Trial:
    """Touch how the log was handed from key to key: take it out, change it, or let a stranger's key follow."""
    handed = tables.successions(connection)
    match chance.randrange(3):
        case 0:
            connection.exec_driver_sql("DELETE FROM audit_successions WHERE number = ?", (chance.randrange(2),))
        case 1:
            at = chance.randrange(len(handed))
            sign = chance.randrange(len(handed[at]))
            other = "A" if handed[at][sign] != "A" else "B"
            changed = handed[at][:sign] + other + handed[at][sign + 1 :]
            connection.exec_driver_sql("UPDATE audit_successions SET note = ? WHERE number = ?", (changed, at))
        case _:
            stranger = new_key(name=evidence.key.public.name)
            stated = succession(stranger, new_key(name=stranger.public.name), _ENTRIES, 1)
            tables.add_succession(connection, len(handed), stated)
    return Trial(examine(connection, evidence.key.public))


def _recompute(connection: Connection, sizes: Sequence[int]) -> list[bytes]:
    """Replace leaves and tiles by those of the journal as it is now, and return the roots at these sizes."""
    connection.exec_driver_sql("DELETE FROM audit_leaves")
    connection.exec_driver_sql("DELETE FROM audit_tiles")
    found = [Leaf(at, row.seq, hash_of(row) or b"") for at, row in enumerate(tables.every_row(connection))]
    tables.add_growth(connection, found, grow(Frontier(), [leaf.hash for leaf in found]).tiles)
    return [grow(Frontier(), [leaf.hash for leaf in found[:size]]).frontier.root() for size in sizes]


WAYS: dict[str, Tamper] = {
    "edits": edit,
    "deletions": delete,
    "insertions": insert,
    "reorderings": reorder,
    "truncations": truncate,
    "rewrites": rewrite,
    "successions": hand_on,
}
