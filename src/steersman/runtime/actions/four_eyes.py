"""Lets an action that asks for it happen only when two different people want it.

The first wish is written down and answered by a refusal that says what is missing. The second has to be the same, under
the same key, within an hour, by another person who may do it. Whoever wanted it first must still be let in and still
hold the permission then: an account that was disabled meanwhile has no say. Programs, keys and the loop are no people.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import select

from steersman.contract.ports import Caller
from steersman.model.errors import Conflict, Forbidden
from steersman.runtime.actions.ledger import Ledger, Wish
from steersman.runtime.database.journal import journal
from steersman.runtime.identity.authority import may_still
from steersman.runtime.identity.identity import Identity

WANTED = "action.wanted"
WITHIN_NS = 3600 * 1_000_000_000


class AnotherHasToAgree(Conflict):
    """The wish is written down, and another person has to have the same one."""


def is_asked(wish: Wish, patterns: Collection[str]) -> bool:
    """Tell whether two people are asked for: by the action itself, or by a pattern such as `runbooks.run_*`."""
    return wish.action.four_eyes or any(fnmatchcase(wish.subject, pattern) for pattern in patterns)


def agree(ledger: Ledger, wish: Wish, given: Any) -> None:
    """Go on when another person wanted the same; else raise `AnotherHasToAgree`, or `Forbidden` for no person."""
    caller = wish.context.caller
    identity = ledger.ports.provided.get(Identity)
    if identity is None or not _is_person(identity, wish, caller):
        raise Forbidden(f"{wish.subject} asks for two people who signed in; a program, a key or the loop is none")
    if any(_is_person(identity, wish, caller, other) for other in _others(ledger, wish, given, caller)):
        return
    ledger.write(wish, WANTED, {"args": given, "account": caller.account})
    raise AnotherHasToAgree(
        f"noted: another person who may do {wish.subject} has to ask for the same, under the key {wish.key!r}, "
        "within an hour"
    )


def _is_person(identity: Identity, wish: Wish, caller: Caller, account: str = "") -> bool:
    """Ask the database, not the token: what was taken away a moment ago counts."""
    if not account and (caller.key or not caller.session):
        return False
    with identity.ports.database.reading() as connection:
        return may_still(connection, account or caller.account, wish.action.permission, identity.standing)


def _others(ledger: Ledger, wish: Wish, given: Any, caller: Caller) -> list[str]:
    """Return the accounts of others who wanted this very thing within the hour."""
    since = ledger.ports.clock.wall_ns() - WITHIN_NS
    mine = (journal.c.subject == wish.subject) & (journal.c.type == WANTED) & (journal.c.tenant == caller.tenant)
    query = select(journal.c.payload).where(mine & (journal.c.time_ns >= since)).order_by(journal.c.seq)
    with ledger.ports.database.reading() as connection:
        found = [payload for payload in connection.execute(query).scalars() if payload["key"] == wish.key]
    return [one["account"] for one in found if one["args"] == given and one["account"] != caller.account]
