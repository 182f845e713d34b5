"""The whole extension surface: a service is one frozen value, and every face is derived from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from steersman.contract.personal import PersonalData
from steersman.contract.ports import Context, Ports
from steersman.contract.requirements import Requirement, asked_by
from steersman.model.entities import CauseKind, Entity, EntityKind
from steersman.model.findings import Aspect, Severity
from steersman.model.plans import Risk as Risk  # noqa: PLC0414 - part of this surface; policy reads it too

Permission = str  # "service.thing.verb"
Handler = Callable[..., Any]


class SignalKind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One declared measurement. `healthy` is an inclusive range; None on a side leaves it open.

    Outside that range the loop has a finding about `aspect`. `identified_by` is the label whose value names the entity;
    without one it is the platform itself. `suggests` are causes that the author knows to show here.
    """

    name: str
    kind: SignalKind
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    entity: EntityKind = EntityKind.PLATFORM
    healthy: tuple[float | None, float | None] | None = None
    aspect: Aspect = Aspect.OTHER
    identified_by: str = ""
    suggests: frozenset[CauseKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram's state: cumulative counts by upper bound (the last is +Inf) and the sum."""

    counts: tuple[tuple[float, int], ...]
    sum: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """The value of a declared signal now; `labels` are values in the order of the signal's label names."""

    signal: str
    value: float | Buckets
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """A signal that should return to its healthy range within so many seconds after an action."""

    signal: str
    within_seconds: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do and how it would be undone, in words and as data."""

    summary: str
    undo: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A typed side effect. `args` is a frozen dataclass or pydantic model, `result` likewise.

    `preview(ctx, args)` changes nothing and gets ports that cannot. `apply(ctx, key, args)` is idempotent under its
    key. `inspect(ctx, args)` returns the target's identity and prior state (a pid with its start time, a resource
    version) as JSON; it is journalled before the effect, and `apply` finds it in `ctx.prior`, also when it is repeated
    after a kill: what is no longer as it was then has had its effect.
    `undo(ctx, key, args, result)` restores; `compensate` has the same shape and repairs what cannot be undone.
    With `four_eyes` two different people have to want it; a policy may ask the same of any action.
    `target(args)` names the entity. `propose(ctx, entity, cause)` returns the arguments with which the action could
    help there; without it the action is for people only. `gain` is the chance that it helps when the cause is right.
    """

    name: str
    help: str
    args: type
    result: type
    permission: Permission
    risk: Risk
    preview: Callable[[Context, Any], Preview]
    apply: Callable[[Context, str, Any], Any]
    target_kind: EntityKind
    target: Callable[[Any], Entity]
    helps: frozenset[CauseKind] = frozenset()
    propose: Callable[[Context, Entity, CauseKind], Iterable[Any]] | None = None
    gain: float = 0.7
    expects: tuple[Expectation, ...] = ()
    inspect: Callable[[Context, Any], Mapping[str, Any]] | None = None
    undo: Callable[[Context, str, Any, Any], None] | None = None
    compensate: Callable[[Context, str, Any, Any], None] | None = None
    timeout_seconds: float = 30.0
    per_hour: int = 60
    four_eyes: bool = False

    def __post_init__(self) -> None:
        if self.risk is Risk.REVERSIBLE and self.undo is None:
            raise TypeError(f"action {self.name} has no undo: it cannot be reversible")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """A bounded number that may be turned while running; `guard` is the signal that must not get worse."""

    name: str
    help: str
    default: float
    low: float
    high: float
    step: float
    cooldown_seconds: float
    guard: str
    permission: Permission
    read: Callable[[Context], float]
    write: Callable[[Context, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """Something that must always hold. `check` returns None, or what is wrong in words."""

    name: str
    help: str
    severity: Severity
    check: Callable[[Context], str | None]
    suggests: frozenset[CauseKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Event:
    """A type of journal entry that others may read; a changed shape gets a new version."""

    name: str
    version: int
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the control API. A `Context` parameter of the handler is filled in, the rest is FastAPI's."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    permission: Permission
    summary: str
    status: int = 200
    errors: tuple[int, ...] = ()
    requires: tuple[Requirement, ...] = ()

    @property
    def demands(self) -> tuple[Requirement, ...]:
        """What is asked of a caller besides the permission: what is declared, and what the handler's parameters ask."""
        return (*self.requires, *asked_by(self.handler))


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRoute:
    """A hot path: `handler(ctx, request)` gets the Starlette request and returns a Starlette response.

    `answer` is the type of what a 200 holds as JSON and `query` a model of what the address takes, both for the
    OpenAPI document only: the handler reads the one and writes the other.
    """

    methods: frozenset[str]
    path: str
    handler: Handler
    permission: Permission
    summary: str
    answer: Any = None
    query: type | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the console: `view(ctx)` returns the values for `template`, a file of the service's `templates`.

    What the address asks for is in `ctx.query`.
    """

    path: str
    title: str
    title_zh: str
    template: str
    view: Callable[[Context], Mapping[str, Any]]
    permission: Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A CLI command as `module:function`, so that help imports nothing. Spaces in the name make groups.

    A local command reads files on behalf of whoever can read them, hence its permission is the file system's.
    """

    name: str
    help: str
    target: str
    permission: Permission | Literal["local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A background task under the supervisor: restarted with back-off, stopped in order."""

    name: str
    run: Callable[[Context], Any]


@dataclass(frozen=True, slots=True)
class Health:
    """One check's answer; `ready` is False while the part cannot serve."""

    name: str
    ready: bool
    detail: str = ""


@asynccontextmanager
async def stateless(_ports: Ports) -> AsyncIterator[None]:
    """The lifespan of a service that keeps nothing in memory."""
    yield None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A part of the platform. `lifespan(ports)` yields its state, which handlers find in `Context.state`.

    `section` is the name of its settings, where that is not the name of the service. A state with an attribute
    `looking` gives previews that instead of itself: the half of it that can change nothing.
    `tenanted` are the permissions that every tenant's people may hold, because whatever they reach belongs to a tenant
    and is looked up in the caller's. All others are about the installation, and only its own people ever have them.
    `used_within` are permissions that no address asks for, because code asks for them further inside.
    `personal` is what it keeps about persons. `impersonal` are columns, as `table.column`, that look as if they named
    somebody, each with what it holds instead.
    """

    name: str
    help: str
    prefixes: tuple[str, ...] = ()
    lifespan: Callable[[Ports], AbstractAsyncContextManager[Any]] = stateless
    measure: Callable[[Context], Iterable[Measurement]] = lambda _ctx: ()
    health: Callable[[Context], Iterable[Health]] = lambda _ctx: ()
    settings: type | None = None
    section: str = ""
    requires: tuple[type, ...] = ()
    provides: tuple[type, ...] = ()
    permissions: Mapping[Permission, str] = field(default_factory=dict)
    tenanted: frozenset[Permission] = frozenset()
    used_within: frozenset[Permission] = frozenset()
    aliases: Mapping[str, tuple[Permission, ...]] = field(default_factory=dict)
    personal: tuple[PersonalData, ...] = ()
    impersonal: Mapping[str, str] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    actions: tuple[Action, ...] = ()
    knobs: tuple[Knob, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    events: tuple[Event, ...] = ()
    routes: tuple[Route, ...] = ()
    raw_routes: tuple[RawRoute, ...] = ()
    pages: tuple[Page, ...] = ()
    commands: tuple[Command, ...] = ()
    jobs: tuple[Job, ...] = ()

    @property
    def section_name(self) -> str:
        """The section of the settings that is this service's."""
        return self.section or self.name
