"""Where a page of a list ended: the sort key of its last row, so that new rows above move nothing."""

from __future__ import annotations

from steersman.model.errors import InvalidInput

#: What both databases hold in 64 bits.
_LARGEST = 2**63


def cursor(time_ms: int, key: str) -> str:
    """Name a row by its time and its id."""
    return f"{time_ms}.{key}"


def position(text: str) -> tuple[int, str]:
    """Return time and id of the row that a cursor names; raises `InvalidInput`."""
    number, _, key = text.partition(".")
    if not (number.isascii() and number.isdigit()) or int(number) >= _LARGEST:
        raise InvalidInput("cursor: take it from the `next` of the page before")
    return int(number), key
