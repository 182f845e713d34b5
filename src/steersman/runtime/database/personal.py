"""Which parts of a journal entry are about a person, and whose they are. Pure: names and keys are looked up elsewhere.

The journal keeps what it is told for ever, so a person stands in it by the id of their account, an address by a
pseudonym, and what else is personal is sealed. Only fields at the top of a payload count, by their names: whoever
writes an entry puts personal things there and nowhere else. Lines of actions and of the loop are left as they are,
because they are read back to go on with the work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from steersman.contract.ports import JournalEntry

#: Words that stand for the platform itself or for nobody, never for an account.
NOT_PEOPLE = frozenset({"steersman", "bootstrap", "nobody", "local", "anonymous", "platform", "unknown", "operations"})
#: What an address becomes where it would stand as the subject: this and a keyed hash.
ADDRESS_PREFIX = "address-"
ADDRESS = "address"

_SEALED = frozenset({ADDRESS, "agent", "user_agent", "email", "ip", "username", "display_name"})
_SEALED_AND_NAME = _SEALED | {"name"}
_NAMED = ("identity.account.", "privacy.")
#: Fields that hold names of accounts: they become ids, as the actor does.
_PEOPLE = ("members",)
_READ_BACK = ("action.", "ops.")
#: Most subjects are no addresses, and it costs much to find that out by an exception.
_ADDRESS_LIKE = re.compile(r"[0-9A-Fa-f:.]+(%.+)?", re.DOTALL)


def sealed_fields(entry: JournalEntry) -> frozenset[str]:
    """Return the fields of a payload that are sealed."""
    if entry.type.startswith(_READ_BACK):
        return frozenset()
    wanted = _SEALED_AND_NAME if entry.type.startswith(_NAMED) else _SEALED
    return frozenset(field for field in wanted.intersection(entry.payload) if entry.payload[field] not in ("", None))


def person(entry: JournalEntry) -> str:
    """Return whose key an entry's personal fields are sealed with: its account, or whatever it is about."""
    account = entry.payload.get("account")
    return account if isinstance(account, str) and account else entry.subject


def names(entry: JournalEntry) -> Iterator[str]:
    """Yield what may be names of accounts."""
    if entry.actor not in NOT_PEOPLE:
        yield entry.actor
    for field in _PEOPLE:
        yield from _texts(entry.payload.get(field))


def renamed(entry: JournalEntry, known: Mapping[str, str]) -> JournalEntry:
    """Return the entry with names, or ids, replaced by what they stand for."""
    payload = entry.payload
    people = {field: [known.get(one, one) for one in _texts(payload[field])] for field in _PEOPLE if payload.get(field)}
    if not people and entry.actor not in known:
        return entry
    return replace(entry, actor=known.get(entry.actor, entry.actor), payload={**payload, **people})


def is_address(text: str) -> bool:
    if _ADDRESS_LIKE.fullmatch(text) is None:
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _texts(value: Any) -> Iterable[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else ()
