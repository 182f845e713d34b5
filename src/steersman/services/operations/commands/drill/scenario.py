"""Scenarios: what is asked of a watcher, written down before it runs. Anyone can write more of these files.

A file names the load, what happens to which service and when, the true cause, what counts as repaired and what counts
as harm. A file with a mistake is refused as a whole, with the line and the reason. Nothing here runs a scenario.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from steersman.model.entities import CauseKind
from steersman.model.errors import InvalidInput
from steersman.services.operations.commands.drill.faults.registry import EVENTS, FAULTS, Kind
from steersman.services.operations.commands.drill.faults.spec import Happening, known_service
from steersman.services.operations.commands.drill.mesh.load import Demand
from steersman.services.operations.commands.drill.mesh.plan import ROLES, role
from steersman.services.operations.commands.drill.observed import Permit, TrueCause, Truth

#: The scenarios that come with the platform.
OWN_FOLDER = Path(__file__).parent / "scenarios"
_ENTITY = re.compile(r"(service|process|host|platform|database):[^\s:]+")
_LINE = re.compile(r"at line (\d+)")
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\s*([\w-]+)\s*=")
Share = Annotated[float, Field(ge=0, le=1)]
Service = Annotated[str, AfterValidator(known_service)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Load(_Frozen):
    """What customers ask for: requests a second, the share of orders among them, and the work that an order makes."""

    rate: float = Field(default=25.0, gt=0, le=200)
    orders: Share = 0.3
    weight: float = Field(default=1.0, gt=0, le=20)

    @property
    def demand(self) -> Demand:
        return Demand(self.rate, self.orders, self.weight)


class Cause(_Frozen):
    """What is truly behind a fault. Any of `kinds` at any of `entities` is a right answer; `affected` shows it."""

    kinds: tuple[CauseKind, ...] = Field(min_length=1)
    entities: tuple[str, ...] = Field(min_length=1)
    affected: tuple[str, ...] = ()

    @field_validator("entities", "affected")
    @classmethod
    def _references(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for reference in value:
            if not _ENTITY.fullmatch(reference):
                raise ValueError(f"{reference!r} is no reference such as service:orders")
        return value


class Fault(Happening):
    """Something that has to be found and repaired."""

    cause: Cause

    _known = field_validator("kind")(lambda kind: known_kind(kind, FAULTS))

    @model_validator(mode="after")
    def _possible(self) -> Self:
        refuse_target(self, FAULTS[self.kind])
        return self


class Event(Happening):
    """Something that happens and needs nobody."""

    _known = field_validator("kind")(lambda kind: known_kind(kind, EVENTS))

    @model_validator(mode="after")
    def _possible(self) -> Self:
        refuse_target(self, EVENTS[self.kind])
        return self


class Check(_Frozen):
    """A number that a service shows has to be on one side of a limit; with `rate`, its increase in a second.

    `metric` is a series as the page of the service writes it, with labels where it has some.
    """

    service: Service
    metric: str = Field(min_length=1)
    above: float | None = None
    below: float | None = None
    rate: bool = False

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("a check needs above or below")
        return self

    def holds(self, value: float) -> bool:
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


class Repaired(_Frozen):
    """What customers must have, for so many seconds in a row, and what services must show besides."""

    success: Share = 0.99
    p95_ms: float = Field(default=150.0, gt=0)
    seconds: int = Field(default=5, ge=1, le=60)
    checks: tuple[Check, ...] = ()


class Harm(_Frozen):
    """What must never happen meanwhile, whatever is repaired: services that must stay well, orders that are lost."""

    unharmed: tuple[Service, ...] = ()
    orders_lost: int = Field(default=0, ge=0)


class Allowed(_Frozen):
    """Actions that do no harm here: globs over the name of the action and the reference of its target."""

    action: str
    target: str = "*"


class Scenario(_Frozen):
    """One file. Without a fault it is a control, and any action on it is harm. `seconds` is how long it is watched."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    about: str = Field(min_length=1)
    selection: bool = Field(default=False, description="Part of the short selection.")
    seconds: float = Field(default=75.0, ge=5, le=600)
    load: Load = Load()
    topology: tuple[Service, ...] = Field(default=tuple(role.name for role in ROLES), min_length=1)
    fault: tuple[Fault, ...] = ()
    event: tuple[Event, ...] = ()
    repaired: Repaired = Repaired()
    allowed: tuple[Allowed, ...] = ()
    harm: Harm = Harm()

    @property
    def control(self) -> bool:
        return not self.fault

    @property
    def happenings(self) -> tuple[Happening, ...]:
        """Everything that is done to the mesh, in the order of its time."""
        return tuple(sorted((*self.fault, *self.event), key=lambda one: one.after_seconds))

    @property
    def truth(self) -> Truth:
        """What a judge needs to know."""
        causes = tuple(
            TrueCause(
                kinds=frozenset(fault.cause.kinds),
                entities=frozenset(fault.cause.entities),
                affected=frozenset({*fault.cause.entities, *fault.cause.affected}),
            )
            for fault in self.fault
        )
        permits = tuple(Permit(one.action, one.target) for one in self.allowed)
        return Truth(scenario=self.name, causes=causes, permits=permits)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.control and self.allowed:
            raise ValueError("without a fault there is nothing that may be done: allowed belongs to scenarios with one")
        if not self.control and not self.allowed:
            raise ValueError("a scenario with a fault says which actions are allowed")
        for name in self.topology:
            missing = {*role(name).needs, *filter(None, [role(name).standby])} - {*self.topology}
            if missing:
                raise ValueError(f"{name} needs {', '.join(sorted(missing))}, which the topology leaves out")
        for one in self.happenings:
            if one.target not in self.topology:
                raise ValueError(f"{one.kind} strikes {one.target}, which is not in the topology")
            if one.after_seconds >= self.seconds:
                raise ValueError(f"{one.kind} after {one.after_seconds:g} s comes after the end, {self.seconds:g} s")
        return self


def known_kind(kind: str, known: Mapping[str, Kind]) -> str:
    """Return the name of a kind; raises `ValueError` where there is none."""
    if kind not in known:
        raise ValueError(f"there is no kind {kind!r} here; there are {', '.join(sorted(known))}")
    return kind


def refuse_target(one: Happening, kind: Kind) -> None:
    """Raise `ValueError` for a kind that cannot strike its target."""
    if one.target not in kind.targets:
        raise ValueError(f"{one.kind} cannot strike {one.target}, only {', '.join(sorted(kind.targets))}")


def load_folder(folder: Path) -> tuple[Scenario, ...]:
    """Read every scenario of a folder, by name. Raises `InvalidInput` that names each mistake of each file."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise InvalidInput(f"{folder} holds no scenario: files end in .toml")
    scenarios, mistakes, owners = [], [], dict[str, Path]()
    for file in files:
        try:
            one = read(file.read_text(), str(file))
        except InvalidInput as error:
            mistakes.append(error.message)
            continue
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(f"{file}: {error}")
            continue
        if one.name in owners:
            mistakes.append(f"{file}: the name {one.name} is taken by {owners[one.name]}")
        owners[one.name] = file
        scenarios.append(one)
    if mistakes:
        raise InvalidInput("\n".join(mistakes))
    return tuple(scenarios)


def read(text: str, file: str) -> Scenario:
    """Read one scenario. Raises `InvalidInput` with `file:line: reason` for each mistake."""
    try:
        return Scenario.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        place = _LINE.search(str(error))
        line = place[1] if place else len(text.splitlines())
        raise InvalidInput(f"{file}:{line}: not TOML: {error}") from error
    except ValidationError as error:
        raise InvalidInput("\n".join(_mistakes(text, file, error))) from error


def _mistakes(text: str, file: str, error: ValidationError) -> Iterator[str]:
    """Yield each mistake with its line. What is only wrong because of something inside it is left out."""
    found = error.errors(include_url=False)
    for one in found:
        place = one["loc"]
        if any(len(other["loc"]) > len(place) > 0 and other["loc"][: len(place)] == place for other in found):
            continue
        reason = one["msg"].removeprefix("Value error, ")
        yield f"{file}:{line_of(text, place)}: {'.'.join(map(str, place)) or 'scenario'}: {reason}"


def line_of(text: str, place: Sequence[int | str]) -> int:
    """The line of a key, or of the nearest table around it that the text has; the parser keeps no lines itself."""
    lines: dict[tuple[int | str, ...], int] = {}
    table: tuple[int | str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _numbered(tuple(header[2].split(".")), lists=header[1] == "[[", seen=lines)
            lines[table] = number
        elif key := _KEY.match(line):
            lines.setdefault((*table, key[1]), number)
    return next((lines[known] for end in range(len(place), -1, -1) if (known := tuple(place[:end])) in lines), 1)


def _numbered(
    names: tuple[str, ...], *, lists: bool, seen: Mapping[tuple[int | str, ...], int]
) -> tuple[int | str, ...]:
    """The path of a table with the numbers of the lists that it lies in: the last one that was begun of each."""
    path: tuple[int | str, ...] = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        begun = sum((*path, number) in seen for number in range(len(seen) + 1))
        if lists and depth == len(names):
            return (*path, begun)
        if begun:
            path = (*path, begun - 1)
    return path
