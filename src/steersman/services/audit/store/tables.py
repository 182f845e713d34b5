"""The tables of this slice, and the one that they are about: rows of the journal as they are, not as they read.

Everything here follows from the journal and can be computed again; what cannot is the signature of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    type_coerce,
)
from sqlalchemy.exc import OperationalError

from steersman.engine.audit.entry import COLUMNS
from steersman.engine.audit.tree import TILE_LEVELS, Node, NodeAt, perfect_root
from steersman.model.errors import Permanent
from steersman.runtime.database.journal import journal
from steersman.runtime.database.migrate import Lineage, migrate
from steersman.runtime.database.rows import insert_rows
from steersman.services.audit.model.records import Leaf, Row

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from steersman.contract.ports import Database

LINEAGE = Lineage("audit", Path(__file__).parent.parent / "migrations")
_META = MetaData()
#: Rows that are read at once.
_PAGE = 1_000
#: Any fixed number that nothing else locks on: on PostgreSQL one process at a time grows the tree.
_GROW_LOCK = 0x57EE_0A0D
#: Below every number that a row can have.
_BEFORE_ALL = -(2**63)

leaves = Table(
    "audit_leaves",
    _META,
    Column("position", BigInteger, primary_key=True),
    Column("seq", BigInteger),
    Column("hash", LargeBinary),
)
tiles = Table(
    "audit_tiles",
    _META,
    Column("level", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("hash", LargeBinary),
)
checkpoints = Table("audit_checkpoints", _META, Column("size", BigInteger, primary_key=True), Column("note", Text))
successions_table = Table("audit_successions", _META, Column("number", Integer, primary_key=True), Column("note", Text))


def prepare(database: Database) -> None:
    """Create or upgrade the tables."""
    migrate(database, [LINEAGE])


def hold_growth(transaction: Connection) -> None:
    """Keep other processes from growing the tree until this transaction ends; SQLite has one writer anyhow."""
    if transaction.dialect.name == "postgresql":
        transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GROW_LOCK})


def last_leaf(connection: Connection) -> Leaf | None:
    query = select(leaves).order_by(leaves.c.position.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _leaf(row)


def leaf_of(connection: Connection, seq: int) -> Leaf | None:
    row = connection.execute(select(leaves).where(leaves.c.seq == seq)).one_or_none()
    return None if row is None else _leaf(row)


def leaves_of(connection: Connection, seqs: Sequence[int]) -> dict[int, Leaf]:
    """Return the leaves of these entries, by their numbers."""
    return {row.seq: _leaf(row) for row in connection.execute(select(leaves).where(leaves.c.seq.in_(seqs)))}


def leaves_between(connection: Connection, first: int, end: int) -> list[Leaf]:
    """Return the leaves at positions from `first` to before `end`."""
    query = select(leaves).where(leaves.c.position >= first, leaves.c.position < end).order_by(leaves.c.position)
    return [_leaf(row) for row in connection.execute(query)]


def add_growth(transaction: Connection, new: Sequence[Leaf], complete: Sequence[Node]) -> None:
    """Store leaves and the tiles that became complete with them."""
    insert_rows(transaction, leaves.name, Leaf._fields, new)
    insert_rows(transaction, tiles.name, Node._fields, complete)


def add_checkpoint(transaction: Connection, size: int, note: str) -> None:
    """Store a signed checkpoint; the database refuses a second one of this size."""
    transaction.execute(insert(checkpoints).values(size=size, note=note))


def newest_notes(connection: Connection, limit: int) -> list[str]:
    """Return signed checkpoints, newest first."""
    query = select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(limit)
    return list(connection.execute(query).scalars())


def notes_after(connection: Connection, size: int) -> list[tuple[int, str]]:
    """Return the sizes and texts of checkpoints over more than `size` entries, oldest first."""
    query = select(checkpoints.c.size, checkpoints.c.note).where(checkpoints.c.size > size).order_by(checkpoints.c.size)
    return [(row.size, row.note) for row in connection.execute(query)]


def note_of(connection: Connection, size: int) -> str | None:
    return connection.execute(select(checkpoints.c.note).where(checkpoints.c.size == size)).scalar_one_or_none()


def successions(connection: Connection) -> list[str]:
    """Return how the log was handed from key to key, in order; nothing where an older version made the tables."""
    if not inspect(connection).has_table(successions_table.name):
        return []
    query = select(successions_table.c.note).order_by(successions_table.c.number)
    return list(connection.execute(query).scalars())


def add_succession(transaction: Connection, number: int, note: str) -> None:
    transaction.execute(insert(successions_table).values(number=number, note=note))


def drop_tree(transaction: Connection) -> None:
    """Forget leaves, tiles, checkpoints and keys, so that a new log begins at the journal's first entry."""
    for table in (leaves, tiles, checkpoints, successions_table):
        transaction.execute(delete(table))


def nodes_of(connection: Connection) -> NodeAt:
    """Return how perfect subtrees are rebuilt from stored leaves and tiles: from 128 hashes at most each.

    Asking for one that was never complete raises `Permanent`.
    """

    def node(level: int, number: int) -> bytes:
        above, count = level % TILE_LEVELS, 1 << level % TILE_LEVELS
        first = number << above
        if level == above:
            kept = select(leaves.c.hash).where(leaves.c.position.between(first, first + count - 1))
            query = kept.order_by(leaves.c.position)
        else:
            kept = select(tiles.c.hash).where(
                tiles.c.level == level - above, tiles.c.number.between(first, first + count - 1)
            )
            query = kept.order_by(tiles.c.number)
        hashes = [bytes(one) for one in connection.execute(query).scalars()]
        if len(hashes) != count:
            raise Permanent(f"the tree over the journal lacks hashes of level {level - above} from {first} on")
        return perfect_root(hashes)

    return node


def every_leaf(connection: Connection) -> Iterator[Leaf]:
    """Yield all leaves in order."""
    position = -1
    while True:
        query = select(leaves).where(leaves.c.position > position).order_by(leaves.c.position).limit(_PAGE)
        page = [_leaf(row) for row in connection.execute(query)]
        yield from page
        if len(page) < _PAGE:
            return
        position = page[-1].position


def every_tile(connection: Connection) -> dict[tuple[int, int], bytes]:
    return {(row.level, row.number): bytes(row.hash) for row in connection.execute(select(tiles))}


def rows_after(connection: Connection, seq: int, limit: int, tenant: str | None = None) -> list[Row]:
    """Return entries with a higher number, in order, as the database holds them."""
    query = _cells(connection).where(journal.c.seq > seq).order_by(journal.c.seq).limit(limit)
    if tenant is not None:
        query = query.where(journal.c.tenant == tenant)
    return [Row(row[0], tuple(row)) for row in connection.execute(query).all()]


def row_of(connection: Connection, seq: int) -> Row | None:
    row = connection.execute(_cells(connection).where(journal.c.seq == seq)).one_or_none()
    return None if row is None else Row(row.seq, tuple(row))


def every_row(connection: Connection) -> Iterator[Row]:
    """Yield all entries in order, also those with numbers that nobody gives, and those that nobody can read."""
    seq = _BEFORE_ALL
    while page := _page(connection, seq):
        yield from page
        seq = page[-1].seq


def _page(connection: Connection, seq: int) -> list[Row]:
    try:
        return rows_after(connection, seq, _PAGE)
    except OperationalError:
        # Text that is not UTF-8, which SQLite stores and Python refuses: go on one by one and find out where.
        return _single(connection, seq)


def _single(connection: Connection, seq: int) -> list[Row]:
    query = select(journal.c.seq).where(journal.c.seq > seq).order_by(journal.c.seq).limit(1)
    number: int | None = connection.execute(query).scalar_one_or_none()
    if number is None:
        return []
    try:
        return rows_after(connection, seq, 1)
    except OperationalError:
        return [Row(number, None)]


def _cells(connection: Connection) -> Select[Any]:
    """Return the query for all columns; the payload is its text, and on SQLite whatever lies there."""
    as_text = cast if connection.dialect.name == "postgresql" else type_coerce
    columns = [journal.c[name] if name != "payload" else as_text(journal.c.payload, Text) for name in COLUMNS]
    return select(*[column.label(name) for name, column in zip(COLUMNS, columns, strict=True)])


def unseen(connection: Connection, seq: int) -> int:
    """Return how many entries have a higher number."""
    found: int = connection.execute(select(func.count()).select_from(journal).where(journal.c.seq > seq)).scalar_one()
    return found


def _leaf(row: Any) -> Leaf:
    return Leaf(row.position, row.seq, bytes(row.hash))
