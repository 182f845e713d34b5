"""Who said yes to what two people have to want, by name. The names are looked up now: nothing here keeps one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from steersman.contract.ports import JournalEntry
from steersman.model.ids import Id
from steersman.runtime.actions import Approval, Kind, State, approvals_of
from steersman.runtime.identity.evidence import AccountNames

#: What lines of the journal about approvals name people by.
_ONE = ("asked_by", "answered_by")
_SAID = frozenset({State.WAITING, State.AGREED})


def given_to(connection: Connection, plans: Sequence[Id]) -> dict[str, list[str]]:
    """Return the names of those who said yes, for each of these plans that somebody said yes to."""
    if not plans:
        return {}
    found = [one for one in approvals_of(connection, Kind.PLAN, plans) if one.state in _SAID]
    names = names_of(connection, {account for one in found for account in one.people})
    return {one.wanted.key: [names.get(account, account) for account in one.people] for one in found}


def names_of(connection: Connection, ids: Iterable[str]) -> Mapping[str, str]:
    """Return the names of accounts by their ids; an id that is no account's has none."""
    return AccountNames().names(connection, ids)


def people_in(approvals: Iterable[Approval]) -> set[str]:
    """Return the ids of whoever had to do with these."""
    return {account for one in approvals for account in (one.asked_by, one.answered_by) if account}


def people_named(entry: JournalEntry) -> set[str]:
    """Return the ids of accounts in a line about approvals."""
    payload: Mapping[str, Any] = entry.payload
    if entry.type.startswith("approval."):
        return {payload[field] for field in _ONE if payload.get(field)} | {entry.actor}
    return {one for one in payload.get("agreed", ()) if isinstance(one, str)} if "agreed" in payload else set()
