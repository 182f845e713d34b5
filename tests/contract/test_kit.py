"""The kit itself: for each promise a plug-in that breaks just this one, and is caught."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from steersman.contract import testing
from steersman.contract.ports import Context, Ports
from steersman.contract.service import (
    Action,
    Command,
    Invariant,
    Job,
    Knob,
    Measurement,
    Preview,
    Risk,
    Route,
    Service,
    Signal,
    SignalKind,
)
from steersman.contract.testing import ActionCase, Cases, NonConformance, ObjectCase
from steersman.model.entities import Entity, EntityKind
from steersman.services.platform.manifest import SERVICE as PLATFORM


@dataclass
class Valve:
    """The state of the example: an opening between 0 and 100, and what each key set it from."""

    opening: float = 10
    done: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Opening:
    percent: float


@asynccontextmanager
async def valve(_ports: Ports) -> AsyncIterator[Valve]:
    yield Valve()


def preview(_context: Context, args: Opening) -> Preview:
    return Preview(f"open to {args.percent}", "close again")


def apply(context: Context, key: str, args: Opening) -> Opening:
    if key not in context.state.done:
        context.state.done[key] = context.state.opening
        context.state.opening = args.percent
    return Opening(context.state.done[key])


def undo(context: Context, _key: str, _args: Opening, result: Opening) -> None:
    context.state.opening = result.percent


def write(context: Context, value: float) -> None:
    context.state.opening = value


def measure(context: Context) -> Iterable[Measurement]:
    yield Measurement("valve_opening_percent", context.state.opening)


def read(context: Context) -> float:
    opening: float = context.state.opening
    return opening


def name(_context: Context, part: str) -> str:
    return part


async def turn(_context: Context) -> None:
    """A job that is done at once."""


SET = Action(
    name="set",
    help="Set the opening.",
    args=Opening,
    result=Opening,
    permission="valve.opening.write",
    risk=Risk.REVERSIBLE,
    preview=preview,
    apply=apply,
    undo=undo,
    target_kind=EntityKind.SERVICE,
    target=lambda _args: Entity(EntityKind.SERVICE, "valve"),
)
KNOB = Knob(
    name="opening",
    help="The opening.",
    default=10,
    low=0,
    high=100,
    step=5,
    cooldown_seconds=0,
    guard="valve_opening_percent",
    permission="valve.opening.write",
    read=read,
    write=write,
)
CLOSED = Invariant(
    name="not_negative",
    help="A valve is never less than shut.",
    severity="warning",
    check=lambda context: "less than shut" if context.state.opening < 0 else None,
)
GOOD = Service(
    name="valve",
    help="An example of a plug-in.",
    prefixes=("/api/valve",),
    lifespan=valve,
    measure=measure,
    permissions={"valve.opening.read": "See the opening.", "valve.opening.write": "Change the opening."},
    signals=(Signal(name="valve_opening_percent", kind=SignalKind.GAUGE, help="How far it is open."),),
    actions=(SET,),
    knobs=(KNOB,),
    invariants=(CLOSED,),
    routes=(
        Route(
            method="GET", path="/api/valve/{part}", handler=read, permission="valve.opening.read", summary="Read it."
        ),
        Route(
            method="GET", path="/api/valve/{part}/name", handler=name, permission="valve.opening.read", summary="Name."
        ),
    ),
    commands=(Command(name="valve", help="Nothing.", target="steersman.cli:main", permission="local"),),
    jobs=(Job(name="turn", run=turn),),
)
CASES = Cases(
    actions={"set": ActionCase(args={"percent": 55.0}, observe=lambda context: context.state.opening)},
    breaks={"not_negative": lambda _harness, context: write(context, -1)},
    objects={"/api/valve/{part}": ObjectCase(make=lambda _ask, _context: "seal", shown=("/api/valve/{}/name",))},
)


def previewing_for_real(context: Context, args: Opening) -> Preview:
    context.state.opening = args.percent
    return preview(context, args)


def previewing_with(attempt: Callable[[Ports], object]) -> Service:
    """A plug-in whose preview tries to write, or could."""

    def tries(context: Context, args: Opening) -> Preview:
        attempt(context.ports)
        return preview(context, args)

    return replace(GOOD, actions=(replace(SET, preview=tries),))


def writing(ports: Ports) -> None:
    with ports.database.transaction():
        """Nothing is written; that it could be is enough."""


async def nothing() -> None:
    """A task that is done at once."""


def applying_again(context: Context, _key: str, args: Opening) -> Opening:
    context.state.opening += 1
    return Opening(context.state.opening)


def journalling_nothing(_context: Context, _key: str, _args: Opening) -> Opening:
    raise RuntimeError("broken")


BROKEN = [
    (testing.permissions_are_well_named, replace(GOOD, permissions={**GOOD.permissions, "everything": "All of it."})),
    (testing.permissions_are_well_named, replace(GOOD, permissions={**GOOD.permissions, "valve.x.y": " "})),
    (testing.permissions_are_well_named, replace(GOOD, permissions={**GOOD.permissions, "other.x.y": "Not ours."})),
    (testing.previews_change_nothing, replace(GOOD, actions=(replace(SET, preview=previewing_for_real),))),
    (testing.previews_change_nothing, replace(GOOD, actions=(replace(SET, preview=lambda _c, _a: Preview("", "")),))),
    (testing.previews_change_nothing, previewing_with(writing)),
    (testing.previews_change_nothing, previewing_with(lambda ports: ports.durable.start("any", "key", {}))),
    (testing.previews_change_nothing, previewing_with(lambda ports: ports.supervisor.spawn("any", nothing))),
    (testing.previews_change_nothing, replace(GOOD, actions=(SET, replace(SET, name="without_example")))),
    (testing.actions_are_journalled, replace(GOOD, actions=(replace(SET, apply=journalling_nothing),))),
    (testing.same_key_gives_one_effect, replace(GOOD, actions=(replace(SET, apply=applying_again),))),
    (testing.undo_restores, replace(GOOD, actions=(replace(SET, undo=lambda *_: None),))),
    (testing.undo_restores, replace(GOOD, actions=(replace(SET, apply=lambda _c, _k, a: a),))),
    (testing.knobs_keep_their_bounds, replace(GOOD, knobs=(replace(KNOB, default=11),))),
    (testing.knobs_keep_their_bounds, replace(GOOD, knobs=(replace(KNOB, write=lambda _c, _v: None),))),
    (testing.signals_are_exposed, replace(GOOD, measure=lambda _c: [Measurement("valve_secret", 1)])),
    (testing.signals_are_exposed, replace(GOOD, measure=lambda _c: [Measurement("valve_opening_percent", 1, ("x",))])),
    (
        testing.signals_are_exposed,
        replace(GOOD, signals=(*GOOD.signals, Signal(name="valve_turns", kind=SignalKind.COUNTER, help="Turns."))),
    ),
    (testing.invariants_can_fail, replace(GOOD, invariants=(replace(CLOSED, check=lambda _c: None),))),
    (testing.invariants_can_fail, replace(GOOD, invariants=(replace(CLOSED, check=lambda _c: "always wrong"),))),
    (testing.invariants_can_fail, replace(GOOD, invariants=(CLOSED, replace(CLOSED, name="without_case")))),
    (
        testing.everything_resolves,
        replace(GOOD, commands=(Command(name="v", help="", target="steersman.cli:missing", permission="local"),)),
    ),
    (
        testing.everything_resolves,
        replace(GOOD, commands=(Command(name="v", help="", target="steersman.cli:GROUP", permission="local"),)),
    ),
]


@pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.__name__)
def test_a_plugin_that_keeps_its_promises_passes_every_check(check: testing.Check, open_harness: Any) -> None:
    """The example is good in every respect, so that each broken one below is broken in one."""
    with open_harness([PLATFORM, GOOD]) as harness:
        check(harness, GOOD, CASES)


@pytest.mark.parametrize(
    ("check", "service"), BROKEN, ids=[f"{check.__name__}-{n}" for n, (check, _) in enumerate(BROKEN)]
)
def test_a_broken_plugin_is_caught(check: testing.Check, service: Service, open_harness: Any) -> None:
    """Each check notices the plug-in that breaks its promise."""
    with open_harness([PLATFORM, service]) as harness, pytest.raises(NonConformance):
        check(harness, service, CASES)


def test_an_open_door_is_caught() -> None:
    """A platform that lets everybody in, or names no permission, fails the permission check."""

    class OpenDoor:
        def __init__(self, answers: dict[bool, testing.Answer]) -> None:
            self.answers = answers

        def call(
            self, _method: str, _path: str, permissions: frozenset[str] | None, _body: Any = None
        ) -> testing.Answer:
            return self.answers[permissions is None]

    for stranger, denied in ((200, 403), (401, 200), (401, 403)):
        door: Any = OpenDoor({True: testing.Answer(stranger, ""), False: testing.Answer(denied, "no reason")})
        with pytest.raises(NonConformance):
            testing.permissions_are_asked_for(door, GOOD, CASES)
