"""Whether rows and entries of the journal belong together, and the tree to the journal: what must hold after a kill.

Only `steersman prove evidence` asks, on a database that nobody has open. Nothing is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from steersman.runtime.database.journal import journal
from steersman.runtime.identity import tables as identity
from steersman.services.audit.store.copies import COPY_FILE, read_notes
from steersman.services.audit.store.keys import PUBLIC_FILE, public_key
from steersman.services.audit.store.offline import examine, opened

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection

#: Which table each kind of entry tells of; its subject is the row.
_PAIRS: tuple[tuple[str, Column[str]], ...] = (
    ("identity.account.added", identity.accounts.c.id),
    ("identity.key.made", identity.keys.c.id),
    ("identity.session.begun", identity.sessions.c.id),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What was acknowledged: names of accounts, ids of keys, and the numbers that evidence was asked for after."""

    accounts: AbstractSet[str]
    keys: AbstractSet[str]
    facts: AbstractSet[int]


def wrong(data: Path, url: str | None, expected: Expected) -> Iterator[str]:
    """Yield what does not hold in a data directory and its database, the evidence included."""
    yield from unpaired(data, url, expected)
    yield from disagreeing(data, url)


def unpaired(data: Path, url: str | None, expected: Expected) -> Iterator[str]:
    """Yield what is lost, half done or told twice."""
    if not (data / PUBLIC_FILE).exists():
        return
    with opened(data, url) as connection:
        for kind, column in _PAIRS:
            yield from _unpaired(connection, kind, column)
        yield from _torn(connection)
        yield from _lost(connection, expected)


def disagreeing(data: Path, url: str | None) -> Iterator[str]:
    """Yield what of journal, tree, checkpoints and file does not agree: the whole of it is computed again."""
    if not (data / PUBLIC_FILE).exists():
        return
    with opened(data, url) as connection:
        kept = read_notes(data / COPY_FILE) if (data / COPY_FILE).exists() else []
        verdict = examine(connection, public_key(data), kept)
        # Without a checkpoint there is nothing to vouch for yet; the first life may have been that short.
        if verdict.problem is not None and verdict.checkpoints:
            yield f"evidence: {verdict.problem.words}"


def _unpaired(connection: Connection, kind: str, column: Column[str]) -> Iterator[str]:
    """Yield rows without their one entry, and entries without their row."""
    rows = set(connection.execute(select(column)).scalars())
    entries = Counter(connection.execute(select(journal.c.subject).where(journal.c.type == kind)).scalars())
    for one in sorted(rows - entries.keys()):
        yield f"{column.table.name} {one} has no entry {kind}"
    for one in sorted(entries.keys() - rows):
        yield f"an entry {kind} is about {one}, which is not there"
    for one in sorted(one for one, count in entries.items() if count > 1):
        yield f"{one} has {entries[one]} entries {kind}"


def _torn(connection: Connection) -> Iterator[str]:
    """Yield families of refresh tokens that do not have exactly one token left to use."""
    sessions, refreshes = identity.sessions, identity.refreshes
    alive = select(sessions.c.id).where(sessions.c.kind == "tokens", sessions.c.ended_ms.is_(None))
    unused = (
        select(refreshes.c.session, func.count().label("unused"))
        .where(refreshes.c.used_ms.is_(None))
        .group_by(refreshes.c.session)
    )
    left = {row.session: row.unused for row in connection.execute(unused)}
    for session in connection.execute(alive).scalars():
        if left.get(session) != 1:
            yield f"the session {session} has {left.get(session, 0)} refresh tokens that are not used yet"


def _lost(connection: Connection, expected: Expected) -> Iterator[str]:
    names = set(connection.execute(select(identity.accounts.c.name)).scalars())
    keys = set(connection.execute(select(identity.keys.c.id)).scalars())
    told = select(journal.c.payload).where(journal.c.type == "audit.evidence.read")
    facts = Counter(payload.get("after", 0) for payload in connection.execute(told).scalars())
    for what, missing in (
        ("accounts", expected.accounts - names),
        ("keys", expected.keys - keys),
        ("facts", expected.facts - facts.keys()),
    ):
        if missing:
            yield f"{len(missing)} acknowledged {what} are lost, such as {min(missing)}"
    if doubled := [fact for fact, count in facts.items() if count > 1 and fact in expected.facts]:
        yield f"{len(doubled)} facts stand twice"
