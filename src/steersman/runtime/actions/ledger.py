"""What the journal knows about actions: intents and outcomes under ids that are derived from the key, and how often.

The database itself refuses a second intent and a second outcome of a key, and it counts over restarts and over
everybody who acts on it. There is no memory here.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from steersman.contract.ports import Context, JournalEntry, Ports
from steersman.contract.service import Action, Service
from steersman.model.errors import InvalidInput, Throttled
from steersman.model.ids import Id
from steersman.runtime.database.journal import journal

_HOUR_NS = 3600 * 1_000_000_000
#: Any fixed UUID: the namespace of ids that are derived from an action's key.
_DERIVED = uuid.UUID("6c9f1e52-7d51-5c39-9a53-0f4f6b1d7a11")


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish for one action: who, which, under which key; and which two people agreed, where two have to."""

    context: Context
    service: Service
    action: Action
    key: str
    agreed: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        return f"{self.service.name}.{self.action.name}"

    def id(self, entry: str) -> Id:
        """Return the id of this wish's one entry of a kind; tenants cannot see or block each other's keys."""
        name = f"{self.context.caller.tenant}\n{self.subject}\n{self.key}\n{entry}"
        return Id(str(uuid.uuid5(_DERIVED, name)))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Reads and writes the entries of wishes."""

    ports: Ports

    def payload(self, entry: Id) -> dict[str, Any] | None:
        with self.ports.database.reading() as connection:
            found: dict[str, Any] | None = connection.execute(
                select(journal.c.payload).where(journal.c.id == entry)
            ).scalar_one_or_none()
        return found

    def write(
        self, wish: Wish, kind: str, facts: dict[str, Any], *, cause: Id | None = None, id: Id | None = None
    ) -> Id:
        """Journal one fact about a wish in a transaction of its own."""
        entry = self._entry(wish, kind, facts, cause=cause, id=id)
        with self.ports.database.transaction() as transaction:
            self.ports.journal.append(transaction, [entry])
        return entry.id

    def request(self, wish: Wish, facts: dict[str, Any]) -> None:
        """Journal the intent, unless the action was asked for too often; raises `Throttled` then and writes nothing.

        It is written before it is counted: a writer holds others off, so two at once cannot both be the last one.
        """
        entry = self._entry(wish, "action.requested", facts, id=wish.id("requested"))
        per_hour, subject = wish.action.per_hour, wish.subject
        newest = (
            select(journal.c.time_ns)
            .where(journal.c.subject == subject, journal.c.type == entry.type)
            .order_by(journal.c.seq.desc())
            .limit(per_hour + 1)
        )
        with self.ports.database.transaction() as transaction:
            self.ports.journal.append(transaction, [entry])
            times = transaction.execute(newest).scalars().all()
            wait_ns = times[-1] + _HOUR_NS - entry.time_ns if len(times) > per_hour else 0
            if wait_ns > 0:
                wait = min(wait_ns, _HOUR_NS) / 1_000_000_000
                raise Throttled(f"{subject} may be done {per_hour} times an hour", retry_after=wait)

    def _entry(
        self, wish: Wish, kind: str, facts: dict[str, Any], *, cause: Id | None = None, id: Id | None = None
    ) -> JournalEntry:
        return JournalEntry(
            id=id or self.ports.ids.new(),
            time_ns=self.ports.clock.wall_ns(),
            tenant=wish.context.caller.tenant,
            actor=wish.context.caller.subject,
            type=kind,
            subject=wish.subject,
            payload={"key": wish.key, **facts},
            cause=cause,
        )


def newest_time(ports: Ports, kind: str, subject: str) -> int | None:
    """Return when such an entry was last written about a subject, in nanoseconds UTC."""
    newest = (
        select(journal.c.time_ns)
        .where(journal.c.subject == subject, journal.c.type == kind)
        .order_by(journal.c.seq.desc())
        .limit(1)
    )
    with ports.database.reading() as connection:
        found: int | None = connection.execute(newest).scalar_one_or_none()
    return found


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def checked(kind: type, value: Any) -> Any:
    """Build an action's typed value from JSON data; raises `InvalidInput`."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in one['loc']) or 'args'}: {one['msg']}" for one in error.errors()]
        raise InvalidInput("; ".join(lines)) from error


def plain(kind: type, value: Any) -> Any:
    """Return an action's typed value as JSON data."""
    return _adapter(kind).dump_python(value, mode="json")
