"""The half of the ports that can only look. A preview gets it, so that a dry run provably changes nothing.

Nothing here has a way to write. What other services provide is given by its own `looking` half, where it has one, and
refused otherwise. It cannot keep a function from opening a file by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from steersman.contract.ports import Context, JournalEntry, Ports, WorkStatus
from steersman.model.errors import Permanent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from steersman.model.ids import Tenant


class Refused(Permanent):
    """A preview tried to change something: whoever wrote the action has to move that into `apply`."""


def _refuse(what: str) -> NoReturn:
    raise Refused(f"a preview changes nothing, and tried to {what}")


@dataclass(frozen=True, slots=True)
class LookingDatabase:
    """Reads and nothing else; the database itself refuses a write in `reading`."""

    open: Callable[[], AbstractContextManager[Connection]]

    def transaction(self) -> AbstractContextManager[Connection]:
        _refuse("open a transaction")

    def reading(self) -> AbstractContextManager[Connection]:
        return self.open()


@dataclass(frozen=True, slots=True)
class LookingJournal:
    """Reads the journal."""

    entries: Callable[..., list[JournalEntry]]

    def append(self, transaction: Connection, entries: Sequence[JournalEntry]) -> None:
        _refuse("write to the journal")

    def record(self, entries: Sequence[JournalEntry]) -> None:
        _refuse("write to the journal")

    async def recorded(self, entries: Sequence[JournalEntry]) -> None:
        _refuse("write to the journal")

    def read(self, *, after: int = 0, limit: int = 100, tenant: Tenant | None = None) -> list[JournalEntry]:
        return self.entries(after=after, limit=limit, tenant=tenant)


@dataclass(frozen=True, slots=True)
class LookingDurableWork:
    """Tells where work stands."""

    known: Callable[[str], WorkStatus]

    def register(self, name: str, function: Callable[[str, Any], Any]) -> None:
        _refuse(f"register the work {name}")

    def start(self, name: str, key: str, args: Any) -> None:
        _refuse(f"start the work {name}")

    def status(self, key: str) -> WorkStatus:
        return self.known(key)

    def wait(self, key: str, timeout_seconds: float) -> WorkStatus:
        """Answer at once: work that nobody waits for does not run earlier because of a preview."""
        return self.known(key)


class LookingSupervisor:
    """Starts nothing."""

    def spawn(self, name: str, run: Callable[[], Any]) -> None:
        _refuse(f"start the task {name}")


@dataclass(frozen=True, slots=True)
class LookingHalves(Mapping[type, Any]):
    """What services provide to each other, by the half of it that only looks."""

    provided: Mapping[type, Any]

    def __getitem__(self, kind: type) -> Any:
        offered = self.provided[kind]
        if not hasattr(offered, "looking"):
            _refuse(f"use {kind.__name__}, which offers nothing that only looks")
        return offered.looking

    def __iter__(self) -> Iterator[type]:
        return iter(list(self.provided))

    def __len__(self) -> int:
        return len(self.provided)


def looking_ports(ports: Ports) -> Ports:
    """Return the ports without anything that changes what is outside of the caller."""
    return replace(
        ports,
        database=LookingDatabase(ports.database.reading),
        journal=LookingJournal(ports.journal.read),
        durable=LookingDurableWork(ports.durable.status),
        supervisor=LookingSupervisor(),
        provided=LookingHalves(ports.provided),
    )


def looking(context: Context) -> Context:
    """Return the context of a dry run: ports that only look, and the half of the state that does."""
    state = getattr(context.state, "looking", context.state)
    return replace(context, ports=looking_ports(context.ports), state=state)
