"""What a service may ask of the house. Each port has one to five methods; its in-memory fake is in `fakes.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

from steersman.model.errors import Forbidden
from steersman.model.ids import DEFAULT_TENANT, Id, Tenant

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from steersman.model.changes import Change
    from steersman.model.entities import Entity
    from steersman.model.findings import Finding
    from steersman.model.incidents import Incident
    from steersman.model.topology import Edge

T = TypeVar("T")


class Clock(Protocol):
    """The only source of time. `wall_ns` is nanoseconds UTC; `monotonic` is seconds for measuring spans of time."""

    def wall_ns(self) -> int: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    """The only source of ids."""

    def new(self) -> Id: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. `permissions` may hold `*`, which grants all of them.

    `account` is the id of whoever is known by an account, `session` that of their sign-in, `key` that of an API key.
    `roles` are those of somebody who signed in; a key has scopes instead, and no roles.
    """

    subject: str
    tenant: Tenant = DEFAULT_TENANT
    permissions: frozenset[str] = frozenset()
    account: str = ""
    session: str = ""
    key: str = ""
    roles: frozenset[str] = frozenset()

    def holds(self, role: str) -> bool:
        """Tell whether the caller has a role; whoever may do everything needs none."""
        return "*" in self.permissions or role in self.roles

    def may(self, permission: str) -> bool:
        return "*" in self.permissions or permission in self.permissions

    def demand(self, permission: str) -> None:
        if not self.may(permission):
            raise Forbidden(f"this needs the permission {permission}")


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One fact that happened; `cause` is the id of the entry that led to it. `payload` is JSON-able."""

    id: Id
    time_ns: int
    tenant: Tenant
    actor: str
    type: str
    subject: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    cause: Id | None = None
    seq: int = 0


class Journal(Protocol):
    """The one append-only journal: timeline, audit trail and outbox."""

    def append(self, transaction: Connection, entries: Sequence[JournalEntry]) -> None:
        """Record facts in the transaction of the change that they describe."""

    def read(self, *, after: int = 0, limit: int = 100, tenant: Tenant | None = None) -> list[JournalEntry]:
        """Return entries with `seq > after` in order; keep the last `seq` as a cursor."""

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Keep facts that stand for themselves, in one sync with those of others. Blocks; not inside a transaction."""

    async def recorded(self, entries: Sequence[JournalEntry]) -> None:
        """Do what `record` does, for callers on the event loop: they wait for the disk, and nobody else does."""


class Subjects(Protocol):
    """What the journal says about persons, sealed for each under a key of their own. A subject is an account's id.

    Every method blocks. What was sealed is told as `{"$sealed": ...}` by the journal itself.
    """

    def entries(self, tenant: Tenant, subject: str) -> Iterator[JournalEntry]:
        """Yield all that was written about somebody or by them, opened."""

    def opened(self, entries: Sequence[JournalEntry]) -> list[JournalEntry]:
        """Return entries with names and personal fields in the clear; what was erased is `{"$erased": ...}`."""

    def erase(self, caller: Caller, subject: str) -> bool:
        """Destroy a subject's key in the caller's tenant for good; tell whether there was one. Journalled."""


class MarkedColumn(Protocol):
    """A column whose values are sealed, each for its row. Store what `seal` returns as bytes."""

    def seal(self, row: str, secret: bytes) -> bytes:
        """Return the envelope for this row."""

    def open(self, row: str, sealed: bytes) -> bytes:
        """Return the secret; raises `Permanent` where it was altered or comes from another row."""


class Sealing(Protocol):
    """The key ring, for whoever keeps something secret in the database."""

    def column(
        self, table: str, column: str, *, row: str = "id", legacy: Callable[[str, bytes], bytes] | None = None
    ) -> MarkedColumn:
        """Mark a column by the name of its table; `row` is the text column that names a row.

        Marked once at the start, after the table is there: rotation renews what it holds. `legacy(row, value)` opens
        what was stored before the column was marked.
        """


@runtime_checkable
class Secrets(Protocol):
    """Secrets that a person keeps under a name. A preview does not get them."""

    def reveal(self, reference: str) -> str:
        """Return what `secret:NAME` or `vault:PATH#FIELD` stands for, any other text as it is; at use, and not kept.

        Blocks. Raises `Permanent` with the next step where there is no such secret.
        """


#: What a text is for once it is masked. The owner says for each what is hidden, in `[privacy.mask.USE]`.
Use = Literal["logs", "prompts", "notifications", "exports", "intake"]


class Masking(Protocol):
    """Hides what is personal or secret in whatever goes where its owner does not look: by policy, for each use.

    Whoever sends a prompt to a model masks it as `prompts`, whoever calls a receiver outside as `notifications`,
    whoever writes a file for others as `exports`. Masking what is masked changes nothing. Quick, from any thread.
    """

    def text(self, use: Use, text: str) -> str:
        """Return the text with everything hidden that the policy of this use names."""

    def structure(self, use: Use, value: Any) -> Any:
        """Return a JSON-able value with every text in it masked; keys and numbers stay as they are."""


class Database(Protocol):
    """Control data. Store functions are synchronous and take the connection of an open transaction."""

    def transaction(self) -> AbstractContextManager[Connection]: ...
    def reading(self) -> AbstractContextManager[Connection]: ...


@dataclass(frozen=True, slots=True)
class WorkStatus:
    """Where a piece of durable work stands. `state` is pending, done or failed."""

    key: str
    state: str
    result: Any = None
    error: str | None = None


class DurableWork(Protocol):
    """Work that survives a kill. Arguments and results are JSON values; the same key runs once."""

    def register(self, name: str, function: Callable[[str, Any], Any]) -> None:
        """Name a function `(key, args) -> result`; it must be idempotent under its key."""

    def start(self, name: str, key: str, args: Any) -> None: ...
    def status(self, key: str) -> WorkStatus: ...
    def wait(self, key: str, timeout_seconds: float) -> WorkStatus: ...


class Supervisor(Protocol):
    """Named background tasks: restarted with back-off when they fail, stopped in order."""

    def spawn(self, name: str, run: Callable[[], Awaitable[None]]) -> None: ...


class Settings(Protocol):
    """The settings that a service declared, by its class; already checked."""

    def section(self, kind: type[T]) -> T: ...


@runtime_checkable
class Observer(Protocol):
    """Where services tell the loop what they know. Every method is quick and may be called from any thread."""

    def found(self, finding: Finding) -> None:
        """Report that something is unusual, or still is; the same `key` is the same thing. `ended_ms` ends it."""

    def changed(self, change: Change) -> None:
        """Report that somebody altered something on purpose."""

    def declare(self, entities: Sequence[Entity], edges: Sequence[Edge] = ()) -> None:
        """Make entities known with their labels, and what needs what. A label is known until it is given anew."""

    def incidents(self) -> Sequence[Incident]:
        """Return the incidents that are not resolved."""

    def unrest(self) -> str:
        """Say why nothing should be changed on purpose now: an open incident, a freeze, the kill switch; or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything that the house offers. `provided` holds what services provide to each other, by type."""

    clock: Clock
    ids: Ids
    database: Database
    journal: Journal
    durable: DurableWork
    supervisor: Supervisor
    settings: Settings
    data_dir: Path
    provided: Mapping[type, Any] = field(default_factory=dict)

    def get(self, kind: type[T]) -> T:
        """Return what another service provides under `kind`; declare it in `requires`."""
        found: T = self.provided[kind]
        return found


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler gets: who calls, the ports, and its own service's state.

    `query` is what the address of a page asks for after its question mark. `prior` is what an action's `inspect` saw
    before the effect, for its `apply`.
    """

    caller: Caller
    ports: Ports
    state: Any = None
    prior: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
