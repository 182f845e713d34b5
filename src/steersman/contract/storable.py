"""What every store can keep, and so what the ports accept: one set of checks for the real stores and their fakes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from steersman.contract.ports import JournalEntry
from steersman.model.errors import InvalidInput

_INT64 = range(-(2**63), 2**63)
_LONGEST_ID = 36
#: Text that one of the databases cannot hold: NUL, and half a surrogate pair.
_UNSTORABLE = frozenset(["\0", *map(chr, range(0xD800, 0xE000))])
#: Made once: `dumps` makes an encoder for each call whose arguments are not the usual ones.
_encoded = json.JSONEncoder(allow_nan=False).encode


def storable_json(value: Any, what: str) -> Any:
    """Return the value as it comes back from JSON; raises `InvalidInput` where it cannot be written exactly."""
    try:
        return json.loads(_encoded(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} cannot be written as JSON: {error}") from error


def storable_entry(entry: JournalEntry) -> JournalEntry:
    """Return the entry as every journal keeps it; raises `InvalidInput` with the field that cannot be kept."""
    for name in ("id", "tenant", "actor", "type", "subject", "cause"):
        value = getattr(entry, name)
        if value is None and name == "cause":
            continue
        if not isinstance(value, str) or not value or not _is_storable(value):
            raise InvalidInput(f"the {name} of a journal entry is empty or holds a character that cannot be kept")
        if name in ("id", "cause") and len(value) > _LONGEST_ID:
            raise InvalidInput(f"the {name} of a journal entry is longer than {_LONGEST_ID} characters")
    if type(entry.time_ns) is not int or entry.time_ns not in _INT64:
        raise InvalidInput("the time of a journal entry is not a whole number of nanoseconds in 64 bits")
    return replace(entry, payload=storable_json(dict(entry.payload), "the payload of a journal entry"))


def _is_storable(text: str) -> bool:
    # Nearly all of it is ASCII, where only one character is to be looked for.
    return "\0" not in text if text.isascii() else _UNSTORABLE.isdisjoint(text)


def checked_limit(limit: int) -> int:
    """Return the largest number of entries to read; raises `InvalidInput` below one."""
    if limit < 1:
        raise InvalidInput("a limit is at least 1")
    return limit
