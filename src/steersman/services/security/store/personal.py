"""What defence keeps about persons: measures against an account or an address, which end by themselves.

It takes nothing away: whoever asks to be forgotten would otherwise lift the measures against them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from steersman.contract.personal import Person, PersonalData
from steersman.contract.ports import Context
from steersman.services.security.store.tables import measures


def export(context: Context, one: Person) -> list[dict[str, Any]]:
    """Return the measures against the account; those against addresses are nobody's in particular."""
    query = select(measures).where(measures.c.target == one.account)
    with context.ports.database.reading() as connection:
        return [dict(row) for row in connection.execute(query.order_by(measures.c.since_ms)).mappings()]


PERSONAL = (
    PersonalData(
        name="measures",
        what="Addresses that are refused or slowed down, and ids of accounts whose password is locked; with times.",
        purpose="To keep attackers out.",
        basis="legitimate interests",
        kept="until a day after it ends, and none lasts longer than a week",
        export=export,
        columns=("security_measures",),
        stays="it names no person, ends by itself, and forgetting it would let an attacker in again",
    ),
)
