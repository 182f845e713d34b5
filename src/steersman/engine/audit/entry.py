"""The bytes of a journal entry that its leaf is the hash of, made from all columns as the database holds them.

Version 1: the byte 1, then every column in the order of `COLUMNS`, each as a byte for its kind and its value. 0 is no
value; 1 an integer in 8 bytes, two's complement, most significant first; 2 text in UTF-8 and 3 other bytes, both
behind their length in 4 bytes. The payload is its JSON text unparsed: a second key of the same name, or another
order, is another entry. Two different rows cannot have the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from steersman.model.errors import InvalidInput

VERSION = 1
COLUMNS = ("seq", "id", "time_ns", "tenant", "actor", "type", "subject", "payload", "cause")

#: What a database may hold in a column, whether the platform wrote it or somebody else.
Cell = int | str | bytes | None

_INT_BYTES = 8
_LENGTH_BYTES = 4


def canonical(cells: Sequence[Cell]) -> bytes:
    """Return the bytes of a row, its cells in the order of `COLUMNS`.

    Raises `InvalidInput` for a row that the platform cannot have written, such as one with a fraction in it.
    """
    if len(cells) != len(COLUMNS):
        raise InvalidInput(f"a journal entry has {len(COLUMNS)} columns, not {len(cells)}")
    return bytes([VERSION]) + b"".join(map(_encoded, cells))


def _encoded(cell: Cell) -> bytes:
    # Text first, as most cells are: this runs nine times for each entry of a journal that takes thousands a second.
    try:
        if isinstance(cell, str):
            text = cell.encode()
            return b"\x02" + len(text).to_bytes(_LENGTH_BYTES, "big") + text
        if cell is None:
            return b"\x00"
        if isinstance(cell, int) and not isinstance(cell, bool):
            return b"\x01" + cell.to_bytes(_INT_BYTES, "big", signed=True)
        if isinstance(cell, bytes):
            return b"\x03" + len(cell).to_bytes(_LENGTH_BYTES, "big") + cell
    except (OverflowError, UnicodeEncodeError) as error:
        raise InvalidInput(f"a column of a journal entry cannot be encoded: {error}") from error
    raise InvalidInput(f"a column of a journal entry holds a value of the kind {type(cell).__name__}")
